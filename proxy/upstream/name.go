package upstream

// Name returns the name by which routes, logs and metrics call the upstream.
func (u *Upstream) Name() string { return u.cfg.Name }

// Servers returns the URLs of the servers, as configured.
func (u *Upstream) Servers() []string { return u.cfg.URLs }
