package accounts

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate/tokens"
)

// maxName bounds the names of users, tenants and roles, in bytes.
const maxName = 255

// Validate reports every fault with the path of its key, such as
// users[2].tenants[0]. No message quotes a password hash.
func (c Config) Validate(report func(path, message string)) {
	v := c.surroundings(report)
	for i, u := range c.Users {
		v.user(fmt.Sprintf("users[%d]", i), u)
	}
}

// surroundings returns a validator that has judged all but the users.
func (c Config) surroundings(report func(path, message string)) *validator {
	v := &validator{
		report:  report,
		tenants: make(map[string]string, len(c.Tenants)),
		domains: make(map[string]string),
		roles:   make(map[string]string, len(c.Roles)),
		users:   make(map[string]string, len(c.Users)),
		located: make(map[string]string, len(c.Users)),
		authIDs: make(map[string]string),
		known:   c.tenantNames(),
	}
	for i, t := range c.Tenants {
		v.tenant(fmt.Sprintf("tenants[%d]", i), t)
	}
	if len(c.Tenants) == 0 {
		v.tenants[DefaultTenant] = "tenants"
	}
	for i, r := range c.Roles {
		v.role(fmt.Sprintf("roles[%d]", i), r)
	}
	return v
}

// faultOf returns the first fault of a user who is to come beside those of the
// configuration, with its key in front, or nothing. Others are the users that
// are kept elsewhere.
func (c Config) faultOf(u UserConfig, others []UserConfig) string {
	v := c.surroundings(func(string, string) {})
	for _, other := range slices.Concat(c.Users, others) {
		v.occupy(other, "another user")
	}
	var first string
	v.report = func(path, message string) {
		if first == "" {
			first = strings.TrimPrefix(path, "user.") + ": " + message
		}
	}
	v.user("user", u)
	return first
}

// occupy takes what nobody else may have.
func (v *validator) occupy(u UserConfig, who string) {
	v.users[u.Name] = who
	v.located[strings.ToLower(cmp.Or(u.Locator, LocatorOf(u.Name)))] = who
	if n, err := strconv.ParseUint(u.Identity.AuthID, 10, 64); err == nil {
		v.authIDs[strconv.FormatUint(n, 10)] = who
	}
}

// validator remembers what was named where: from a name to its path.
type validator struct {
	report                                           func(path, message string)
	tenants, domains, roles, users, located, authIDs map[string]string
	known                                            string // the tenants there are
}

// claim takes a name for path, or reports who has it.
func (v *validator) claim(taken map[string]string, name, path, what string) (free bool) {
	if at, ok := taken[name]; ok {
		v.report(path, fmt.Sprintf("%s %q is at %s already", what, name, at))
		return false
	}
	taken[name] = path
	return true
}

func (v *validator) tenant(path string, t TenantConfig) {
	at := path + ".name"
	if fault := tenantFault(t.Name); fault != "" {
		v.report(at, fault)
	} else {
		v.claim(v.tenants, t.Name, at, "tenant")
	}
	for i, d := range t.Domains {
		at := fmt.Sprintf("%s.domains[%d]", path, i)
		pattern, fault := normalPattern(d)
		if fault != "" {
			v.report(at, fmt.Sprintf("%q %s", d, fault))
			continue
		}
		v.claim(v.domains, pattern, at, "domains overlap:")
	}
}

// tenantFault says what keeps a name from being one segment of a URL's path,
// the same whether it is escaped or not.
func tenantFault(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > maxName:
		return fmt.Sprintf("has %d bytes, accepted are %d", len(name), maxName)
	case name == AnyTenant:
		return `"any" stands for every tenant, choose another name`
	case name == "." || name == "..":
		return fmt.Sprintf("%q cannot stand in a path", name)
	}
	for i := range len(name) {
		if c := name[i]; !isNameByte(c) && c != '.' && c != '~' {
			return fmt.Sprintf("%q cannot stand in a path, accepted are letters, digits and - . _ ~", name)
		}
	}
	return ""
}

func (v *validator) role(path string, r RoleConfig) {
	at := path + ".name"
	_, builtin := builtinRole(r.Name)
	fault := nameFault(r.Name)
	switch {
	case fault != "":
		v.report(at, fault)
	case builtin:
		v.report(at, fmt.Sprintf("%q is built in and cannot be changed, choose another name", r.Name))
	default:
		v.claim(v.roles, r.Name, at, "role")
	}
	v.permissions(path, r.Permissions)
}

func (v *validator) permissions(path string, names []string) {
	for i, n := range names {
		if _, err := tokens.ParsePermission(n); err != nil {
			v.report(fmt.Sprintf("%s.permissions[%d]", path, i), err.Error())
		}
	}
}

func (v *validator) user(path string, u UserConfig) {
	at := path + ".name"
	if fault := nameFault(u.Name); fault != "" {
		v.report(at, fault)
	} else if v.claim(v.users, u.Name, at, "user") && u.Locator == "" {
		v.claim(v.located, LocatorOf(u.Name), at, "the locator of that name,")
	}
	if u.PasswordHash != "" {
		if _, err := parseHash(u.PasswordHash.Reveal()); err != nil {
			v.report(path+".password_hash", err.Error())
		}
	}
	v.userTenants(path, u.Tenants)
	for i, r := range u.Roles {
		v.userRole(fmt.Sprintf("%s.roles[%d]", path, i), r)
	}
	v.permissions(path, u.Permissions)
	v.locator(path+".locator", u.Locator)
	v.identity(path+".identity", u.Identity)
}

func (v *validator) userTenants(path string, names []string) {
	for i, n := range names {
		at := fmt.Sprintf("%s.tenants[%d]", path, i)
		if n == AnyTenant {
			if len(names) > 1 {
				v.report(at, `"any" stands alone: it is every tenant`)
			}
			continue
		}
		if _, ok := v.tenants[n]; !ok {
			v.report(at, fmt.Sprintf("there is no tenant %q, accepted are %s and any", n, v.known))
		}
	}
}

func (v *validator) userRole(path, name string) {
	if _, builtin := builtinRole(name); builtin {
		return
	}
	if _, ok := v.roles[name]; !ok {
		v.report(path, fmt.Sprintf("there is no role %q, built in are admin, read-only, append and those of the file repository, others stand under roles", name))
	}
}

func (v *validator) locator(path, locator string) {
	switch {
	case locator == "":
	case !IsLocator(locator):
		v.report(path, fmt.Sprintf("%q is no UUID, such as 123e4567-e89b-12d3-a456-426614174000", locator))
	default:
		v.claim(v.located, strings.ToLower(locator), path, "locator")
	}
}

func (v *validator) identity(path string, id IdentityConfig) {
	switch id.Domain {
	case "", DomainLocal, DomainPosixUser, DomainActiveDirectory:
	default:
		v.report(path+".domain", fmt.Sprintf("%q is no domain of users, accepted are LOCAL, POSIX_USER and ACTIVE_DIRECTORY", id.Domain))
	}
	if id.AuthID != "" {
		v.authID(path+".auth_id", id.AuthID)
	}
	switch {
	case id.SID == "":
	case !isSID(id.SID):
		v.report(path+".sid", fmt.Sprintf("%q is no SID, such as S-1-5-21-1-2-3-1002", id.SID))
	case isGroupSID(id.SID):
		v.report(path+".sid", fmt.Sprintf("%q is the SID of a group", id.SID))
	}
}

func (v *validator) authID(path, authID string) {
	n, err := strconv.ParseUint(authID, 10, 64)
	switch {
	case err != nil:
		v.report(path, fmt.Sprintf("%q is no decimal number below 2^64", authID))
	case isGroupAuthID(authID):
		v.report(path, fmt.Sprintf("%q is the auth_id of a group", authID))
	default:
		v.claim(v.authIDs, strconv.FormatUint(n, 10), path, "auth_id")
	}
}

// isSID reports whether s is S-, a revision, an authority and at least one
// more number.
func isSID(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) < 4 || parts[0] != "S" {
		return false
	}
	for _, p := range parts[1:] {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}

// nameFault says what is wrong with the name of a user or a role. A colon
// ends the name in Basic authentication (RFC 7617, section 2), and spaces
// round a name are lost in a header.
func nameFault(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > maxName:
		return fmt.Sprintf("has %d bytes, accepted are %d", len(name), maxName)
	case !utf8.ValidString(name):
		return "is not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Sprintf("%q has a control character", name)
	case strings.Contains(name, ":"):
		return fmt.Sprintf("%q has a colon, which ends the name when it is sent with a password", name)
	case strings.TrimSpace(name) != name:
		return fmt.Sprintf("%q begins or ends with a space", name)
	default:
		return ""
	}
}
