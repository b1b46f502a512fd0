package accounts_test

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// faultsOf returns what Validate reports, each as path and message.
func faultsOf(cfg accounts.Config) []string {
	var all []string
	cfg.Validate(func(path, message string) { all = append(all, path+": "+message) })
	return all
}

func parse(t *testing.T, text string) accounts.Config {
	t.Helper()
	var cfg accounts.Config
	dec := yaml.NewDecoder(strings.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

const validFile = `
tenants:
  - {name: tenant256, domains: [mydomain.example.com, "*.mydomain.example.com"]}
  - {name: a.b_c-d~e, domains: ["*", "[::1]", 127.0.0.1, XN--E1AFMKFD.example, under_score.example]}
  - name: hostless
roles:
  - {name: auditor, permissions: [storage.read, storage.list, tokens.read]}
  - {name: nothing, permissions: []}
users:
  - name: john
    password_hash: "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
    tenants: [tenant256, hostless]
    roles: [auditor, read-only, append, admin, upload.images, security.overwrite, collections.create_new]
    permissions: [storage.*]
    locator: 123E4567-e89b-12d3-a456-426614174000
    identity: {domain: LOCAL, auth_id: "1002", uid: 1000, gid: 100, sid: S-1-5-21-1-2-3-1002}
  - {name: robot, service_account: true, tenants: [any]}
  - {name: "jürgen müller", identity: {uid: 1000, gid: 100}}
  - {name: posix, identity: {domain: POSIX_USER, auth_id: "12884902888"}}
  - {name: ad, identity: {domain: ACTIVE_DIRECTORY, auth_id: "500", sid: S-1-5-88-1-7}}
`

func TestValidFileHasNoFaults(t *testing.T) {
	if faults := faultsOf(parse(t, validFile)); len(faults) != 0 {
		t.Fatal(strings.Join(faults, "\n"))
	}
	if faults := faultsOf(accounts.Config{}); len(faults) != 0 {
		t.Fatal(strings.Join(faults, "\n"))
	}
}

func TestWithoutTenantsUsersBelongToDefaultOrAny(t *testing.T) {
	cfg := parse(t, `users: [{name: a}, {name: b, tenants: [default]}, {name: c, tenants: [any]}, {name: d, tenants: [red]}]`)
	want := []string{`users[3].tenants[0]: there is no tenant "red", accepted are default and any`}
	if faults := faultsOf(cfg); !slices.Equal(faults, want) {
		t.Fatal(faults)
	}
}

func TestFaultsOfTenants(t *testing.T) {
	for name, c := range map[string]struct{ file, path, says string }{
		"no name":                   {`{domains: [a]}`, "tenants[0].name", "empty"},
		"any is taken":              {`{name: any}`, "tenants[0].name", "every tenant"},
		"slash":                     {`{name: a/b}`, "tenants[0].name", "path"},
		"percent":                   {`{name: a%2fb}`, "tenants[0].name", "path"},
		"space":                     {`{name: "a b"}`, "tenants[0].name", "path"},
		"plus":                      {`{name: +a}`, "tenants[0].name", "path"},
		"not ASCII":                 {`{name: tenänt}`, "tenants[0].name", "path"},
		"control character":         {`{name: "a\nb"}`, "tenants[0].name", "path"},
		"dot":                       {`{name: "."}`, "tenants[0].name", "path"},
		"two dots":                  {`{name: ".."}`, "tenants[0].name", "path"},
		"long":                      {`{name: ` + strings.Repeat("a", 256) + `}`, "tenants[0].name", "256"},
		"twice":                     {`{name: a}, {name: b}, {name: a}`, "tenants[2].name", "tenants[0].name"},
		"empty domain":              {`{name: a, domains: [""]}`, "tenants[0].domains[0]", "empty"},
		"port":                      {`{name: a, domains: ["b:80"]}`, "tenants[0].domains[0]", "port"},
		"port of IPv6":              {`{name: a, domains: ["[::1]:80"]}`, "tenants[0].domains[0]", "port"},
		"port of a suffix":          {`{name: a, domains: ["*.b:80"]}`, "tenants[0].domains[0]", "port"},
		"scheme":                    {`{name: a, domains: ["https://b"]}`, "tenants[0].domains[0]", "URL"},
		"path":                      {`{name: a, domains: [b/c]}`, "tenants[0].domains[0]", "path"},
		"star amid":                 {`{name: a, domains: [b.*.c]}`, "tenants[0].domains[0]", "in front"},
		"star without a dot":        {`{name: a, domains: ["*b"]}`, "tenants[0].domains[0]", "in front"},
		"two stars":                 {`{name: a, domains: ["*.*.b"]}`, "tenants[0].domains[0]", "in front"},
		"star and nothing":          {`{name: a, domains: ["*."]}`, "tenants[0].domains[0]", "no host"},
		"star before an address":    {`{name: a, domains: ["*.[::1]"]}`, "tenants[0].domains[0]", "address"},
		"star before IPv4":          {`{name: a, domains: ["*.10.0.0.1"]}`, "tenants[0].domains[0]", "address"},
		"bare IPv6":                 {`{name: a, domains: ["::1"]}`, "tenants[0].domains[0]", "no host"},
		"empty label":               {`{name: a, domains: [b..c]}`, "tenants[0].domains[0]", "no host"},
		"domain not ASCII":          {`{name: a, domains: [bücher.example]}`, "tenants[0].domains[0]", "no host"},
		"overlap in a tenant":       {`{name: a, domains: [b, c, b]}`, "tenants[0].domains[2]", "overlap"},
		"overlap of tenants":        {`{name: a, domains: [b]}, {name: c, domains: [b]}`, "tenants[1].domains[0]", "tenants[0].domains[0]"},
		"overlap but for the case":  {`{name: a, domains: [b.c]}, {name: d, domains: [B.C.]}`, "tenants[1].domains[0]", "overlap"},
		"overlap of suffixes":       {`{name: a, domains: ["*.b"]}, {name: c, domains: ["*.B"]}`, "tenants[1].domains[0]", "overlap"},
		"overlap of stars":          {`{name: a, domains: ["*"]}, {name: c, domains: ["*"]}`, "tenants[1].domains[0]", "overlap"},
		"overlap of IPv6 spellings": {`{name: a, domains: ["[::1]"]}, {name: c, domains: ["[0::1]"]}`, "tenants[1].domains[0]", "overlap"},
	} {
		t.Run(name, func(t *testing.T) { expectFault(t, "tenants: ["+c.file+"]", c.path, c.says) })
	}
}

func TestFaultsOfRolesAndUsers(t *testing.T) {
	for name, c := range map[string]struct{ file, path, says string }{
		"role without a name":       {`roles: [{permissions: [storage.read]}]`, "roles[0].name", "empty"},
		"role twice":                {`roles: [{name: a}, {name: a}]`, "roles[1].name", "roles[0].name"},
		"role admin":                {`roles: [{name: admin}]`, "roles[0].name", "built in"},
		"role read-only":            {`roles: [{name: read-only}]`, "roles[0].name", "built in"},
		"role append":               {`roles: [{name: append}]`, "roles[0].name", "built in"},
		"role's permission":         {`roles: [{name: a, permissions: [storage.read, storage.fly]}]`, "roles[0].permissions[1]", "storage.fly"},
		"any action":                {`roles: [{name: a, permissions: ["*.read"]}]`, "roles[0].permissions[0]", "*.read"},
		"user without a name":       {`users: [{tenants: [default]}]`, "users[0].name", "empty"},
		"user twice":                {`users: [{name: a}, {name: a}]`, "users[1].name", "users[0].name"},
		"user with a colon":         {`users: [{name: "a:b"}]`, "users[0].name", "colon"},
		"user with a line end":      {`users: [{name: "a\nb"}]`, "users[0].name", "control"},
		"user with NUL":             {`users: [{name: "a\0b"}]`, "users[0].name", "control"},
		"user with C1":              {`users: [{name: "a\x85b"}]`, "users[0].name", "control"},
		"user ends in a space":      {`users: [{name: "a "}]`, "users[0].name", "space"},
		"user is long":              {`users: [{name: ` + strings.Repeat("a", 256) + `}]`, "users[0].name", "256"},
		"user's role":               {`users: [{name: a, roles: [admin, auditor]}]`, "users[0].roles[1]", "auditor"},
		"user's permission":         {`users: [{name: a, permissions: [fly]}]`, "users[0].permissions[0]", "fly"},
		"any among others":          {`users: [{name: a, tenants: [any, default]}]`, "users[0].tenants[0]", "alone"},
		"any twice":                 {`users: [{name: a, tenants: [default, any]}]`, "users[0].tenants[1]", "alone"},
		"no such tenant":            {`users: [{name: a, tenants: [red]}]`, "users[0].tenants[0]", "red"},
		"plain password":            {`users: [{name: a, password_hash: hunter2}]`, "users[0].password_hash", "hash-password"},
		"locator":                   {`users: [{name: a, locator: a}]`, "users[0].locator", "UUID"},
		"locator without hyphens":   {`users: [{name: a, locator: 123e4567e89b12d3a456426614174000}]`, "users[0].locator", "UUID"},
		"locator in braces":         {`users: [{name: a, locator: "{23e4567-e89b-12d3-a456-426614174000}"}]`, "users[0].locator", "UUID"},
		"locator with a letter":     {`users: [{name: a, locator: g23e4567-e89b-12d3-a456-426614174000}]`, "users[0].locator", "UUID"},
		"locator with a hyphen off": {`users: [{name: a, locator: 123e4567e-89b-12d3-a456-426614174000}]`, "users[0].locator", "UUID"},
		"locator twice":             {`users: [{name: a, locator: 123e4567-e89b-12d3-a456-426614174000}, {name: b, locator: 123E4567-E89B-12D3-A456-426614174000}]`, "users[1].locator", "users[0].locator"},
		"identity's domain":         {`users: [{name: a, identity: {domain: MOON}}]`, "users[0].identity.domain", "MOON"},
		"identity's auth_id":        {`users: [{name: a, identity: {auth_id: 0x1}}]`, "users[0].identity.auth_id", "decimal"},
		"auth_id of 65 bits":        {`users: [{name: a, identity: {auth_id: "18446744073709551616"}}]`, "users[0].identity.auth_id", "2^64"},
		"auth_id of a group":        {`users: [{name: a, identity: {auth_id: "17179869189"}}]`, "users[0].identity.auth_id", "group"},
		"auth_id twice but for 0":   {`users: [{name: a, identity: {auth_id: "5"}}, {name: b, identity: {auth_id: "005"}}]`, "users[1].identity.auth_id", "users[0]"},
		"sid of a group":            {`users: [{name: a, identity: {sid: S-1-5-88-2-5}}]`, "users[0].identity.sid", "group"},
		"sid of everyone":           {`users: [{name: a, identity: {sid: S-1-1-0}}]`, "users[0].identity.sid", "group"},
		"domain of groups":          {`users: [{name: a, identity: {domain: POSIX_GROUP}}]`, "users[0].identity.domain", "POSIX_GROUP"},
		"domain of everyone":        {`users: [{name: a, identity: {domain: WORLD}}]`, "users[0].identity.domain", "WORLD"},
		"a role like upload.all":    {`users: [{name: a, roles: [upload.everything]}]`, "users[0].roles[0]", "upload.everything"},
		"role upload.images":        {`roles: [{name: upload.images}]`, "roles[0].name", "built in"},
		"auth_id twice":             {`users: [{name: a, identity: {auth_id: "5"}}, {name: b, identity: {auth_id: "5"}}]`, "users[1].identity.auth_id", "users[0]"},
		"identity's sid":            {`users: [{name: a, identity: {sid: 1-5-21}}]`, "users[0].identity.sid", "SID"},
		"sid with a letter":         {`users: [{name: a, identity: {sid: S-1-5-x}}]`, "users[0].identity.sid", "SID"},
		"sid cut short":             {`users: [{name: a, identity: {sid: S-1-5}}]`, "users[0].identity.sid", "SID"},
		"sid ends in a hyphen":      {`users: [{name: a, identity: {sid: S-1-5-}}]`, "users[0].identity.sid", "SID"},
	} {
		t.Run(name, func(t *testing.T) { expectFault(t, c.file, c.path, c.says) })
	}
}

// expectFault wants exactly one fault.
func expectFault(t *testing.T, file, path, says string) {
	t.Helper()
	faults := faultsOf(parse(t, file))
	if len(faults) != 1 || !strings.HasPrefix(faults[0], path+": ") || !strings.Contains(faults[0], says) {
		t.Fatalf("got %q, want one fault at %s that says %q", faults, path, says)
	}
}

func TestDerivedLocatorOfAnotherUserIsTaken(t *testing.T) {
	cfg := accounts.Config{Users: []accounts.UserConfig{
		{Name: "thief", Locator: strings.ToUpper(accounts.LocatorOf("victim"))},
		{Name: "victim"},
	}}
	faults := faultsOf(cfg)
	if len(faults) != 1 || !strings.Contains(faults[0], "users[0].locator") {
		t.Fatal(faults)
	}
}

func TestDerivedLocatorIsFreeIfItsUserHasAnother(t *testing.T) {
	cfg := accounts.Config{Users: []accounts.UserConfig{
		{Name: "mover", Locator: "123e4567-e89b-12d3-a456-426614174000"},
		{Name: "heir", Locator: accounts.LocatorOf("mover")},
	}}
	if faults := faultsOf(cfg); len(faults) != 0 {
		t.Fatal(faults)
	}
}

func TestNameThatIsNotUTF8(t *testing.T) {
	faults := faultsOf(accounts.Config{Users: []accounts.UserConfig{{Name: "a\xffb"}}})
	if len(faults) != 1 || !strings.Contains(faults[0], "UTF-8") {
		t.Fatal(faults)
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	cfg := parse(t, `
tenants: [{name: "", domains: ["a:1", "b:2"]}]
roles: [{name: admin, permissions: [x, y]}]
users: [{name: "a:b", password_hash: clear, tenants: [x], roles: [y], permissions: [z], locator: l, identity: {domain: d, auth_id: i, sid: s}}]
`)
	var paths []string
	cfg.Validate(func(path, _ string) { paths = append(paths, path) })
	want := []string{
		"tenants[0].name", "tenants[0].domains[0]", "tenants[0].domains[1]",
		"roles[0].name", "roles[0].permissions[0]", "roles[0].permissions[1]",
		"users[0].name", "users[0].password_hash", "users[0].tenants[0]", "users[0].roles[0]", "users[0].permissions[0]",
		"users[0].locator", "users[0].identity.domain", "users[0].identity.auth_id", "users[0].identity.sid",
	}
	if !slices.Equal(paths, want) {
		t.Fatalf("got  %q\nwant %q", paths, want)
	}
}

func TestNoMessageQuotesAPasswordHash(t *testing.T) {
	for name, hash := range refusedHashes() {
		if len(hash) < 13 {
			continue
		}
		faults := faultsOf(accounts.Config{Users: []accounts.UserConfig{{Name: "john", PasswordHash: tokens.Secret(hash)}}})
		if len(faults) != 1 || !strings.HasPrefix(faults[0], "users[0].password_hash: ") || strings.Contains(faults[0], hash) {
			t.Errorf("%s: %q", name, faults)
		}
	}
}

func TestConfigPrintsNoHash(t *testing.T) {
	out, err := yaml.Marshal(parse(t, validFile))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "$2y$") || !strings.Contains(string(out), "***") {
		t.Fatalf("%s", out)
	}
}

func TestLocatorOf(t *testing.T) {
	// Made with Python: uuid.uuid5(uuid.UUID("6b1ff0a4-52c7-4d0b-9d3e-7f0c2a1c8e55"), name).
	for name, want := range map[string]string{
		"john":   "b4ef08b5-ac23-5277-80ef-4918849d99c7",
		"jürgen": "c40481a8-33e6-5caa-be91-823574b675a6",
		"":       "3c3793d4-95e8-5afa-bb51-d4d787fd2257",
	} {
		if got := accounts.LocatorOf(name); got != want || !accounts.IsLocator(got) {
			t.Errorf("%q has %s, want %s", name, got, want)
		}
	}
}
