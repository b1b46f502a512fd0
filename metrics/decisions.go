package metrics

import "github.com/prometheus/client_golang/prometheus"

// The results of a password check that dashboards and alerts know.
const (
	PasswordRight = "right" // the password is the user's
	PasswordWrong = "wrong" // it is not, or there is no such user
	PasswordBusy  = "busy"  // it was not checked: too many checks were under way
)

// NoForm is the form of a request that presented no credential.
const NoForm = "none"

// The values of the label decision.
const (
	allow  = "allow"
	refuse = "refuse"
)

// The limits on the members of the program's own lists.
const (
	maxVerdicts = 1024
	maxWords    = 64
)

type verdict struct{ form, decision, reason string }

func (v verdict) admissible() bool { return word(v.form) && (v.reason == "" || word(v.reason)) }

type ending struct{ api, how string }

func (e ending) admissible() bool { return word(e.api) && word(e.how) }

func (m *Metrics) addDecisions(f factory) {
	decisions := f.counter("decisions_total",
		"Decisions on requests, by the form of the credential; an allowed one has no reason.",
		"form", "decision", "reason")
	m.decisions.limit, m.decisions.admit = maxVerdicts, verdict.admissible
	m.decisions.rest = verdict{form: other, decision: other, reason: other}
	m.decisions.make = func(v verdict) prometheus.Counter {
		return decisions.WithLabelValues(v.form, v.decision, v.reason)
	}
	m.allowed.limit, m.allowed.admit = maxVerdicts, word
	m.allowed.make = func(form string) prometheus.Counter {
		return m.decisions.of(verdict{form: form, decision: allow})
	}
	ended := f.counter("tokens_ended_total",
		"Tokens that ended, by the API that made them and how they ended.", "api", "how")
	m.ended.limit, m.ended.admit, m.ended.rest = maxWords, ending.admissible, ending{api: other, how: other}
	m.ended.make = func(e ending) prometheus.Counter { return ended.WithLabelValues(e.api, e.how) }

	words(&m.issued, f.counter("tokens_issued_total", "Tokens that were made, by API.", "api"))
	words(&m.passwords, f.counter("password_checks_total", "Checks of a password, by result.", "result"),
		PasswordRight, PasswordWrong, PasswordBusy)
	words(&m.cut, f.counter("transfers_cut_total",
		"Running transfers and upgraded connections that were cut, by reason.", "reason"))
}

// words sets up the children of a counter whose one label is a word, and
// makes those that are to be shown before their first event.
func words(c *children[string, prometheus.Counter], vec *prometheus.CounterVec, first ...string) {
	c.limit, c.admit, c.rest = maxWords, word, other
	c.make = func(s string) prometheus.Counter { return vec.WithLabelValues(s) }
	for _, s := range first {
		c.of(s)
	}
}

// Allowed counts a proxied request that was let through. The form is that of
// the credential, such as "bearer"; empty is NoForm.
func (m *Metrics) Allowed(form string) {
	if form == "" {
		form = NoForm
	}
	m.allowed.of(form).Inc()
}

// Refused counts a proxied request that was refused, with a reason from the
// gateway's closed list; an empty reason is counted as "other".
func (m *Metrics) Refused(form, reason string) {
	if reason == "" {
		reason = other
	}
	if form == "" {
		form = NoForm
	}
	m.decisions.of(verdict{form: form, decision: refuse, reason: reason}).Inc()
}

// Decided counts a request as Allowed if it has no reason to be refused, else as
// Refused.
func (m *Metrics) Decided(form, reason string) {
	if reason == "" {
		m.Allowed(form)
		return
	}
	m.Refused(form, reason)
}

// TokenIssued counts a token that was made, by the name of the API.
func (m *Metrics) TokenIssued(api string) { m.issued.of(api).Inc() }

// TokenEnded counts a token that was ended before its time or whose end was
// noticed, by the API that made it and how it ended, such as "revoked".
func (m *Metrics) TokenEnded(api, how string) { m.ended.of(ending{api: api, how: how}).Inc() }

// PasswordChecked counts a check of a password, whose result is one of
// PasswordRight, PasswordWrong and PasswordBusy.
func (m *Metrics) PasswordChecked(result string) { m.passwords.of(result).Inc() }

// TransferCut counts a running transfer or an upgraded connection that was
// cut, with the reason, such as "revoked".
func (m *Metrics) TransferCut(reason string) { m.cut.of(reason).Inc() }
