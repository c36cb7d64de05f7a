package configs

import (
	"slices"
	"strconv"
	"strings"
)

// didYouMean ends a fault with the known word that is nearest to what was
// written, if one is near enough to be a slip of the finger.
func didYouMean(written string, known []string) string {
	if word := nearest(written, known); word != "" {
		return "; did you mean " + strconv.Quote(word) + "?"
	}
	return ""
}

// nearest is the known word of the smallest edit distance, the first of equals.
// Where none is within a third of the letters that were written, or the word that
// is has another beginning, it is the first that begins with them; else none.
func nearest(written string, known []string) string {
	const longest = 64 // a longer word is no slip, and the distance costs its square
	if len(written) > longest {
		return ""
	}
	best, word := (len(written)+1)/3, ""
	for _, k := range known {
		if k == written || len(k) > longest {
			continue
		}
		if d := distance(strings.ToLower(written), k); d <= best && (d < best || word == "") {
			best, word = d, k
		}
	}
	const few = 3 // letters begin many words
	begins := func(k string) bool { return strings.HasPrefix(k, strings.ToLower(written)) }
	if i := slices.IndexFunc(known, begins); i >= 0 && len(written) >= few && (word == "" || best > 1) {
		return known[i]
	}
	return word
}

// distance is how many bytes must be changed, inserted, removed or swapped
// with their neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	above, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		below := make([]int, len(b)+1)
		below[0] = i
		for j := 1; j <= len(b); j++ {
			change := row[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			below[j] = min(change, row[j]+1, below[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				below[j] = min(below[j], above[j-2]+1)
			}
		}
		above, row = row, below
	}
	return row[len(b)]
}
