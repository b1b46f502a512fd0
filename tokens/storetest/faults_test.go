package storetest_test

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"tollgate/tokens"
)

// losing is a store that forgets part of each token.
func losing(forget func(*tokens.Token)) func() tokens.Store {
	return with(func(good tokens.Store, f *faulty) {
		f.put = func(ctx context.Context, t *tokens.Token) (uint64, error) {
			c := t.Clone()
			forget(c)
			return good.Put(ctx, c)
		}
	})
}

func fieldFaults() map[string]func() tokens.Store {
	return map[string]func() tokens.Store{
		"tenants are lost":         losing(func(t *tokens.Token) { t.Tenants = nil }),
		"the beginning is lost":    losing(func(t *tokens.Token) { t.NotBefore = time.Time{} }),
		"roles are lost":           losing(func(t *tokens.Token) { t.Roles = nil }),
		"addresses are lost":       losing(func(t *tokens.Token) { t.Only.Addresses = nil }),
		"agents are lost":          losing(func(t *tokens.Token) { t.Only.Agents = nil }),
		"types are lost":           losing(func(t *tokens.Token) { t.Only.Types = nil }),
		"tags are lost":            losing(func(t *tokens.Token) { t.Only.Tags = nil }),
		"the size is lost":         losing(func(t *tokens.Token) { t.Only.SizeBelow = 0 }),
		"the uses are lost":        losing(func(t *tokens.Token) { t.Only.Uses, t.Used = 0, 0 }),
		"a use is lost":            losing(func(t *tokens.Token) { t.Used = 0 }),
		"the last use is lost":     losing(func(t *tokens.Token) { t.Spent = time.Time{} }),
		"the ceiling is lost":      losing(func(t *tokens.Token) { t.Ceiling = 0 }),
		"the request is lost":      losing(func(t *tokens.Token) { t.Request = tokens.Hash{} }),
		"disabling is lost":        losing(func(t *tokens.Token) { t.Disabled = tokens.Mark{} }),
		"who disabled it is lost":  losing(func(t *tokens.Token) { t.Disabled.By = "" }),
		"allowances are lost":      losing(func(t *tokens.Token) { t.Allowed = nil }),
		"patterns become texts":    losing(spoilAgents),
		"networks become wider":    losing(spoilAddresses),
		"impossible tokens pass":   losing(func(t *tokens.Token) { t.Only.SizeBelow = max(t.Only.SizeBelow, 0) }),
		"too many uses are capped": losing(func(t *tokens.Token) { t.Used = min(t.Used, t.Only.Uses) }),
	}
}

func spoilAgents(t *tokens.Token) {
	for i := range t.Only.Agents {
		t.Only.Agents[i].Pattern = false
	}
}

func spoilAddresses(t *tokens.Token) {
	for i, p := range t.Only.Addresses {
		if p.IsValid() && p == p.Masked() && !p.Addr().Is4In6() {
			t.Only.Addresses[i] = netip.PrefixFrom(p.Addr(), max(p.Bits()-1, 0)).Masked()
		}
	}
}

// asking is a store that changes each query.
func asking(change func(*tokens.Query)) func() tokens.Store {
	return with(func(good tokens.Store, f *faulty) {
		f.list = func(ctx context.Context, q tokens.Query) (tokens.Page, error) {
			change(&q)
			return good.List(ctx, q)
		}
	})
}

func selectFaults() map[string]func() tokens.Store {
	return map[string]func() tokens.Store{
		"lists ignore the API":  asking(func(q *tokens.Query) { q.API = "" }),
		"lists ignore the name": asking(func(q *tokens.Query) { q.Name = "" }),
		"lists of a name are empty without an owner": with(func(good tokens.Store, f *faulty) {
			f.list = func(ctx context.Context, q tokens.Query) (tokens.Page, error) {
				if q.Owner == "" && q.Name != "" {
					return tokens.Page{}, nil
				}
				return good.List(ctx, q)
			}
		}),
		"lists of all are refused": with(func(good tokens.Store, f *faulty) {
			f.list = func(ctx context.Context, q tokens.Query) (tokens.Page, error) {
				if q.Owner == "" && q.Tenant == "" {
					return tokens.Page{}, errors.New("no selection")
				}
				return good.List(ctx, q)
			}
		}),
		"used-up tokens are listed as live": with(func(good tokens.Store, f *faulty) {
			f.list = func(ctx context.Context, q tokens.Query) (tokens.Page, error) {
				at := q.LiveAt
				q.LiveAt = time.Time{}
				p, err := good.List(ctx, q)
				kept := p.Tokens[:0]
				for _, t := range p.Tokens {
					if at.IsZero() || !t.EndedAt(at) || t.StateAt(at) == tokens.UsedUp {
						kept = append(kept, t)
					}
				}
				p.Tokens = kept
				return p, err
			}
		}),
	}
}

// renamed is a store that keeps names under others.
func renamed(change func(*tokens.Token)) func() tokens.Store {
	return with(func(good tokens.Store, f *faulty) {
		f.put = func(ctx context.Context, t *tokens.Token) (uint64, error) {
			c := t.Clone()
			change(c)
			return good.Put(ctx, c)
		}
	})
}

func nameFaults() map[string]func() tokens.Store {
	return map[string]func() tokens.Store{
		"names are not kept": renamed(func(t *tokens.Token) { t.Name = "" }),
		"names are cut": renamed(func(t *tokens.Token) {
			if len(t.Name) > 200 {
				t.Name = t.Name[:200]
			}
		}),
		"a disabled token loses its name": renamedHolder(func(t *tokens.Token) bool { return !t.Disabled.At.IsZero() }),
		"a pending token loses its name":  renamedHolder(func(t *tokens.Token) bool { return t.NotBefore.After(t.Created) }),
		"a token about to expire loses its name": renamedHolder(func(t *tokens.Token) bool {
			return !t.Expires.IsZero() && t.Expires.Sub(t.Created) < time.Second
		}),
		"an ended token keeps its name": with(func(good tokens.Store, f *faulty) {
			f.put = func(ctx context.Context, t *tokens.Token) (uint64, error) {
				if t.Revision == 0 && t.Name != "" {
					p, err := good.List(ctx, tokens.Query{Owner: t.Owner, Name: t.Name})
					if err != nil || len(p.Tokens) > 0 && p.Tokens[0].ID != t.ID {
						return 0, errors.Join(err, tokens.ErrName)
					}
				}
				return good.Put(ctx, t)
			}
		}),
	}
}

// renamedHolder is a store in which some tokens do not hold on to their names:
// it revokes them when another wants the name, and says nothing.
func renamedHolder(loses func(*tokens.Token) bool) func() tokens.Store {
	return with(func(good tokens.Store, f *faulty) {
		f.put = func(ctx context.Context, t *tokens.Token) (uint64, error) {
			revision, err := good.Put(ctx, t)
			if !errors.Is(err, tokens.ErrName) || t.Revision > 0 {
				return revision, err
			}
			p, _ := good.List(ctx, tokens.Query{Owner: t.Owner, Name: t.Name, LiveAt: t.Created})
			if len(p.Tokens) == 0 || !loses(p.Tokens[0]) {
				return revision, err
			}
			p.Tokens[0].Revoked = tokens.Mark{At: t.Created}
			_, _ = good.Put(ctx, p.Tokens[0])
			return good.Put(ctx, t)
		}
	})
}

// using is a store with one fault in its usages.
type using struct {
	usages
	add  func(ctx context.Context, all []tokens.Usage) error
	read func(ctx context.Context, ids []tokens.ID) ([]tokens.Usage, error)
}

func (u using) AddUsages(ctx context.Context, all []tokens.Usage) error {
	if u.add != nil {
		return u.add(ctx, all)
	}
	return u.usages.AddUsages(ctx, all)
}

func (u using) Usages(ctx context.Context, ids []tokens.ID) ([]tokens.Usage, error) {
	if u.read != nil {
		return u.read(ctx, ids)
	}
	return u.usages.Usages(ctx, ids)
}

func usageFaults() map[string]func() tokens.Store {
	return map[string]func() tokens.Store{
		"there are no usages": func() tokens.Store {
			return struct{ tokens.Store }{with(func(tokens.Store, *faulty) {})()}
		},
		"usages are lost": with(func(_ tokens.Store, f *faulty) {
			f.usages = using{usages: f.usages, add: func(context.Context, []tokens.Usage) error { return nil }}
		}),
		"the last of many usages is lost": with(func(_ tokens.Store, f *faulty) {
			good := f.usages
			f.usages = using{usages: good, add: func(ctx context.Context, all []tokens.Usage) error {
				return good.AddUsages(ctx, all[:min(len(all), 1000)])
			}}
		}),
		"usages come sorted": with(func(_ tokens.Store, f *faulty) {
			good := f.usages
			f.usages = using{usages: good, read: func(ctx context.Context, ids []tokens.ID) ([]tokens.Usage, error) {
				all, err := good.Usages(ctx, ids)
				if len(all) > 2 {
					all[0], all[1] = all[1], all[0]
				}
				return all, err
			}}
		}),
		"the agent is lost": with(func(_ tokens.Store, f *faulty) {
			good := f.usages
			f.usages = using{usages: good, add: func(ctx context.Context, all []tokens.Usage) error {
				for _, u := range all {
					u.Agent = ""
					if err := good.AddUsages(ctx, []tokens.Usage{u}); err != nil {
						return err
					}
				}
				return ctx.Err()
			}}
		}),
		"a purge leaves the usage": with(leavingUsages),
	}
}

// leavingUsages makes a store that keeps usages of tokens that are gone.
func leavingUsages(_ tokens.Store, f *faulty) {
	kept := map[tokens.ID]tokens.Usage{}
	good := f.usages
	f.usages = using{usages: good, read: func(ctx context.Context, ids []tokens.ID) ([]tokens.Usage, error) {
		all, err := good.Usages(ctx, ids)
		for i := range all {
			if all[i].Count > 0 {
				kept[all[i].ID] = all[i]
			} else if old, ok := kept[all[i].ID]; ok {
				all[i] = old
			}
		}
		return all, err
	}, add: func(ctx context.Context, all []tokens.Usage) error {
		err := good.AddUsages(ctx, all)
		for _, u := range all {
			if now, _ := good.Usages(ctx, []tokens.ID{u.ID}); len(now) == 1 && now[0].Count > 0 {
				kept[u.ID] = now[0]
			}
		}
		return err
	}}
}
