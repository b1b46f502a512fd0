package caller

import (
	"net/http"
	"time"
)

// lingerBody is how long a client that is refused may take to send the rest of
// its body.
const lingerBody = time.Second

// Linger bounds the wait for a body that nobody will read. net/http reads it
// before it sends an answer, so that the connection can be used again, and has
// no limit of its own for a client that does not send it.
func Linger(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingerBody)) // not every writer can
	}
}
