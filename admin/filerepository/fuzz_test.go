package filerepository

import (
	"errors"
	"slices"
	"testing"
	"time"

	"tollgate/admin/api"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// Whatever a body says: it is refused with a sentence, or it asks for a token
// that can be and that is no wider than its roles.
func FuzzGeneration(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"roles":["upload.images"]}`,
		`{"roles":["collections.create_new"],"data":{"tags":[],"allowedMimeTypes":["image/jpeg"],"maxAllowedFileSize":14579,"allowedUserAgents":["a"],"allowedIpAddresses":["192.168.1.10"]},"expires":"2020-05-05 08:00:00"}`,
		`{"roles":["upload.all",null],"data":null}`,
		`{"roles":["security.administrator"],"data":{"allowedIpAddresses":["::ffff:10.0.0.1/96"],"maxAllowedFileSize":1e3}}`,
		`{"roles":["view.any_file"],"expires":7}`,
		`{"Roles":["upload.all"],"DATA":{"TAGS":["a"]}}`,
	} {
		f.Add([]byte(seed))
	}
	user := &tokens.User{Name: "ann", Rights: tokens.Everything}
	f.Fuzz(func(t *testing.T, body []byte) {
		var g generation
		err := api.Decode(body, &g)
		var order tokens.Order
		if err == nil {
			order, err = g.order(tokens.Manager{Subject: tokens.Subject{User: user}}, time.Unix(1_937_000_000, 0))
		}
		var own *api.Error
		var invalid *tokens.InvalidError
		if err != nil {
			if !errors.As(err, &own) && !errors.As(err, &invalid) || err.Error() == "" {
				t.Errorf("%q: the error is %v", body, err)
			}
			return
		}
		grant, err := accounts.GrantOf(order.Roles)
		if err != nil {
			t.Fatalf("%q: roles %q are taken: %v", body, order.Roles, err)
		}
		var given tokens.Permissions
		for _, a := range order.Allowed {
			given |= a.Permissions
		}
		if given != grant.Permissions || order.Only.Uses != grant.Uses {
			t.Errorf("%q: given %v and %d uses", body, given.Names(), order.Only.Uses)
		}
		if len(order.Only.Types) == 0 && len(grant.Types) > 0 || slices.Contains(order.Only.Types, "") {
			t.Errorf("%q: types %q", body, order.Only.Types)
		}
		if err := errors.Join(order.Only.Validate(), order.Allowed.Validate()); err != nil {
			t.Errorf("%q: no token can be so: %v", body, err)
		}
		if order.Form != tokens.UUID || order.API != tokens.FileRepository || order.Owner != nil || order.Lifetime.Until.IsZero() || order.Lifetime.Never {
			t.Errorf("%q: %+v", body, order)
		}
	})
}
