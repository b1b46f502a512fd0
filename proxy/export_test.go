package proxy

import "net/http"

// Prepare carries a request along the road up to where it would be sent on.
func (g *Gateway) Prepare(w http.ResponseWriter, r *http.Request) error {
	x := g.begin(w, r)
	err := g.prepare(x)
	g.end(x)
	x.recycle()
	return err
}

func (g *Gateway) prepare(x *exchange) error {
	if err := x.enter(); err != nil {
		return err
	}
	cred, err := x.credential()
	if err != nil {
		return err
	}
	if x.caller, err = g.callers.Identify(x.in.Context(), cred); err != nil {
		return err
	}
	grant, err := x.authorise()
	if err != nil {
		return err
	}
	x.grant = grant
	_, err = x.outgoing(grant)
	x.letGo()
	return err
}
