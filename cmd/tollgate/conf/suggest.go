package conf

import (
	"reflect"
	"strings"
)

// nearest returns the candidate that word was probably meant to be, "" when
// none is near enough: one slip for each six letters begun, three at most.
func nearest(word string, candidates []string) string {
	const longest = 80
	if word == "" || len(word) > longest {
		return ""
	}
	word = folded(word)
	limit := min(3, 1+len(word)/6)
	best := ""
	for _, c := range candidates {
		f := folded(c)
		if max(len(f)-len(word), len(word)-len(f)) > limit {
			continue
		}
		if n := distance(word, f); n <= limit && n < len(word) && n < len(f) {
			best, limit = c, n-1
		}
	}
	return best
}

// folded makes spellings equal that differ in case or kind of dash only.
func folded(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "-", "_")
}

// distance is the Damerau-Levenshtein distance in its restricted form: how
// many bytes to insert, delete, replace or swap with their neighbour.
// https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			n := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				n = min(n, rows[i-2][j-2]+1)
			}
			rows[i][j] = n
		}
	}
	return rows[len(a)][len(b)]
}

// elsewhere returns the path of the one key of that name in the whole
// configuration, for keys indented wrongly; "" when there is none or several.
func elsewhere(root reflect.Type, name string) string {
	found := ""
	count := 0
	walk(root, "", nil, func(path string, _ bool) {
		if path[strings.LastIndexByte(path, '.')+1:] == name {
			found = path
			count++
		}
	})
	if count != 1 {
		return ""
	}
	return found
}
