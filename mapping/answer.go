package mapping

// MayAnswer says whether the gateway may answer to a response topic that a
// request names: not where that would make it speak for a device, or command
// one, in place of a client that may not.
func MayAnswer(topic string) bool { return mayAnswer(topic) }
