package tokens

import "context"

// Basis is what a write rests on: those who were looked at to judge that it may
// be done. A store that counts its revisions must not do it if one of them was
// changed after Revision: then it was judged by what is no more. That is
// ErrBasis, in a store that is shared with ErrStale, since it may be that only
// this gateway had not heard of it. The zero Basis is that of a write that rests
// on nobody.
type Basis struct {
	Revision uint64 // of what the store had before anybody was looked at
	Behind   uint64 // how much less what is known of users may be
	Users    []string
	Tokens   []ID
}

// RestsOnSomebody reports whether it is not the basis of a write that happens
// whoever was changed.
func (b Basis) RestsOnSomebody() bool { return len(b.Users)+len(b.Tokens) > 0 }

type basisKey struct{}

// BasisOf returns what the writes with a context rest on.
func BasisOf(ctx context.Context) Basis {
	b, _ := ctx.Value(basisKey{}).(*Basis)
	if b == nil {
		return Basis{}
	}
	return *b
}

// Judge returns a context for looking at who asks for something, and for what he
// is then given by Resting, Issue and Change.
func (s *Service) Judge(ctx context.Context) context.Context {
	if s.revision == nil {
		return ctx
	}
	b := &Basis{Revision: s.revision()}
	if s.known != nil {
		b.Behind = b.Revision - min(b.Revision, s.known())
	}
	return context.WithValue(ctx, basisKey{}, b)
}

// Resting returns a context whose writes do not happen, with ErrBasis, if
// somebody of these was changed since Judge made the context that it is made of.
// Of any other context it makes nothing.
func Resting(ctx context.Context, on Subject, users ...string) context.Context {
	b := BasisOf(ctx)
	if ctx.Value(basisKey{}) == nil {
		return ctx
	}
	if on.User != nil {
		users = append(users, on.User.Name)
	}
	b = Basis{Revision: b.Revision, Behind: b.Behind, Users: distinct(users)}
	// Each use of a token that is counted changes it, and is refused by
	// itself if the token has ended.
	if t := on.Token; t != nil && t.Only.Uses == 0 {
		b.Tokens = []ID{t.ID}
	}
	return context.WithValue(ctx, basisKey{}, &b)
}

// resting is Resting for what is judged only now if nobody was before. other is
// whom it is about; nil = nobody else.
func (s *Service) resting(ctx context.Context, on Subject, other *User) context.Context {
	if ctx.Value(basisKey{}) == nil {
		ctx = s.Judge(ctx)
	}
	if other == nil {
		return Resting(ctx, on)
	}
	return Resting(ctx, on, other.Name)
}

// restingFor returns the context for a change. What takes something away
// happens whoever was changed: it is not to wait.
func (s *Service) restingFor(ctx context.Context, m Manager, c *Change) context.Context {
	if c.deed() == deedWrite {
		return s.resting(ctx, m.Subject, nil)
	}
	return RestingOnNobody(ctx)
}

// RestingOnNobody returns a context whose writes happen whoever was changed.
func RestingOnNobody(ctx context.Context) context.Context {
	if ctx.Value(basisKey{}) == nil {
		return ctx
	}
	return context.WithValue(ctx, basisKey{}, &Basis{})
}

// alsoResting adds a user to those on whom writes rest, if they rest on
// anybody.
func alsoResting(ctx context.Context, user string) context.Context {
	b := BasisOf(ctx)
	if len(b.Users) == 0 {
		return ctx
	}
	b.Users = distinct(append([]string{user}, b.Users...))
	return context.WithValue(ctx, basisKey{}, &b)
}
