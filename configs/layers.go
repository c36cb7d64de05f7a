package configs

// own is what stands under a key of this layer, nil if the key is not written.
func (n *Node) own(key string) *Node {
	for _, k := range n.keys {
		if k.Name == key {
			return k.Node
		}
	}
	return nil
}

// get is what stands under a key in all layers, nil if the key is not written.
func (n *Node) get(key string) *Node {
	if n.under == nil {
		return n.own(key)
	}
	var found []*Node
	for _, layer := range n.layers() {
		if child := layer.own(key); child != nil {
			found = append(found, child)
		}
	}
	return stack(found)
}

// given says whether there is a node with a value.
func (n *Node) given() bool { return n != nil && n.kind != Null }

// layers are the node and what lies below it, the lowest first.
func (n *Node) layers() []*Node {
	if n.under == nil {
		return []*Node{n}
	}
	return append(n.under.layers(), n)
}

// stack makes one node of several, the lowest first. A layer hides those below
// it that are of another kind; layers without a value hide nothing. It is nil
// for no layers.
func stack(layers []*Node) *Node {
	var top *Node
	for _, layer := range layers {
		for _, n := range layer.layers() {
			if n.kind == Null && top != nil {
				continue
			}
			copied := *n
			copied.under = nil
			if top != nil && top.kind == n.kind {
				copied.under = top
			}
			top = &copied
		}
	}
	return top
}
