package caller

import (
	"net/http"
	"strings"
)

// Challenges returns the WWW-Authenticate values of a 401 answer. Basic is not
// named to a browser, which would remember a password for it.
func Challenges(request http.Header) []string {
	all := []string{`Bearer realm="tollgate"`}
	for name := range request {
		if strings.HasPrefix(name, "Sec-Fetch-") {
			return all
		}
	}
	return append(all, `Basic realm="tollgate", charset="UTF-8"`)
}
