package management

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"tollgate/admin/api"
	"tollgate/proxy/caller"
	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// shownUser is a user as he is shown. His hash is not.
type shownUser struct {
	Name           string   `json:"name"`
	Locator        string   `json:"locator"`
	Roles          []string `json:"roles"`
	Permissions    []string `json:"permissions"`
	Tenants        []string `json:"tenants"`
	Effective      []string `json:"effective_permissions"`
	ServiceAccount bool     `json:"service_account"`
	HasPassword    bool     `json:"has_password"`
	Configured     bool     `json:"configured"`
	Enabled        bool     `json:"enabled"`
	Disabled       *mark    `json:"disabled"`
	CreatedAt      *string  `json:"created_at"`
}

func shownUserOf(u *accounts.Account) shownUser {
	tenants := append([]string{}, u.Tenants.Names...)
	if u.Tenants.Any {
		tenants = []string{accounts.AnyTenant}
	}
	return shownUser{
		Name: u.Name, Locator: u.Locator,
		Roles: append([]string{}, u.Roles...), Permissions: append([]string{}, u.Permissions...), Tenants: tenants,
		Effective: u.AllRights().Names(), ServiceAccount: u.ServiceAccount, HasPassword: u.PasswordHash != "", Configured: u.Configured,
		Enabled: u.Disabled.At.IsZero(), Disabled: markOf(u.Disabled), CreatedAt: timeText(u.Created),
	}
}

// usersAnswer is a page of users.
type usersAnswer struct {
	Users []shownUser `json:"users"`
	Next  *string     `json:"next"`
}

// listUsers answers with a page of the users whose tenants the caller has, in
// the order of their names.
func (a *API) listUsers(c echo.Context) error {
	who, args, err := a.identify(c, "limit", "after")
	if err != nil {
		return err
	}
	me := who.Powers()
	if !me.Rights.Has(tokens.UsersRead) {
		return tokens.ErrPermission
	}
	limit, err := limitOf(args.get("limit"))
	if err != nil {
		return err
	}
	all := a.Directory().All()
	from, _ := slices.BinarySearchFunc(all, args.get("after"), func(u *accounts.Account, after string) int {
		if strings.Compare(u.Name, after) <= 0 {
			return -1
		}
		return 1
	})
	answer := usersAnswer{Users: []shownUser{}}
	for _, u := range all[from:] {
		if !me.Tenants.Covers(u.Tenants) {
			continue
		}
		if len(answer.Users) == limit {
			answer.Next = nextPage(c, answer.Users[limit-1].Name)
			break
		}
		answer.Users = append(answer.Users, shownUserOf(u))
	}
	return c.JSON(http.StatusOK, answer)
}

// showUser answers with one user.
func (a *API) showUser(c echo.Context) error {
	who, _, err := a.identify(c)
	if err != nil {
		return err
	}
	name, me := api.Param(c, "name"), who.Powers()
	if !me.Rights.Has(tokens.UsersRead) && !isSelf(who, name) {
		return tokens.ErrPermission
	}
	u, ok := a.Directory().Account(name)
	if !ok {
		return failed(accounts.ErrNoSuchUser)
	}
	if !isSelf(who, name) && !me.Tenants.Covers(u.Tenants) {
		return tokens.ErrOtherTenant
	}
	return c.JSON(http.StatusOK, shownUserOf(u))
}

// isSelf reports whether the caller is the user himself, and not a narrowed
// token of his.
func isSelf(who caller.Caller, name string) bool {
	return who.User.Name == name && (who.Token == nil || !who.Token.Narrowed())
}

// answerUser shows a user as he is now, once everybody has him who should.
func (a *API) answerUser(c echo.Context, status int, name string) error {
	if err := a.everywhere(c); err != nil {
		return err
	}
	u, ok := a.Directory().Account(name)
	if !ok { // somebody removed him meanwhile
		return failed(accounts.ErrNoSuchUser)
	}
	return c.JSON(status, shownUserOf(u))
}
