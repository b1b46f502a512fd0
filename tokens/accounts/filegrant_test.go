package accounts_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tollgate/tokens"
	"tollgate/tokens/accounts"
)

// The names are a promise to clients: the reference's closed list.
func TestFileRepositoryRolesAreTheClosedList(t *testing.T) {
	want := strings.Fields(`
		upload.images upload.videos upload.documents upload.backup upload.all
		upload.enforce_no_password upload.enforce_tags_selected_in_token upload.only_once_successful
		security.authentication_lookup security.overwrite security.generate_tokens security.use_technical_endpoints
		security.revoke_tokens security.administrator security.create_predictable_token_ids
		security.search_for_tokens security.cannot_see_full_token_ids
		deletion.all_files_including_protected_and_unprotected
		view.any_file view.files_from_all_tags view.can_use_listing_endpoint_at_all
		collections.create_new collections.create_new.with_custom_id collections.allow_infinite_limits
		collections.modify_details_of_allowed_collections
		collections.modify_any_collection_regardless_if_token_was_allowed_by_collection
		collections.view_all_collections collections.can_use_listing_endpoint
		collections.manage_tokens_in_allowed_collections collections.add_tokens_to_allowed_collections
		collections.can_list_tokens_in_allowed_collections collections.delete_allowed_collections
		collections.upload_to_allowed_collections collections.list_versions_for_allowed_collections
		collections.delete_versions_for_allowed_collections`)
	var got []string
	for _, r := range accounts.FileRepositoryRoles() {
		got = append(got, r.Name)
		if r.Description == "" {
			t.Errorf("%s has no description", r.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
}

// A token's restrictions must take the types as they stand.
func TestTypesOfRolesCanRestrictATokenAllTogether(t *testing.T) {
	g, err := accounts.GrantOf([]string{"upload.images", "upload.videos", "upload.documents", "upload.backup"})
	if err != nil {
		t.Fatal(err)
	}
	only := tokens.Restrictions{Types: g.Types}
	if err := only.Validate(); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(g.Types) || len(slices.Compact(slices.Clone(g.Types))) != len(g.Types) {
		t.Fatalf("got %q", g.Types)
	}
	for _, name := range []string{"image/png", "video/mp2t", "application/pdf", "application/x-7z-compressed", "text/csv", "application/octet-stream"} {
		if !only.AcceptsType(name) {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range []string{"text/html", "image/svg+xml", ""} {
		if only.AcceptsType(name) {
			t.Errorf("%q is accepted", name)
		}
	}
}

func TestGrantOf(t *testing.T) {
	const write = tokens.StorageWrite | tokens.StorageAppend
	images := []string{"image/gif", "image/jpeg", "image/jpg", "image/pipeg", "image/png", "image/webp"}
	for name, c := range map[string]struct {
		roles string
		want  accounts.FileGrant
	}{
		"images are new only":                {"upload.images", accounts.FileGrant{Permissions: tokens.StorageAppend, Types: images}},
		"twice is once":                      {"upload.images upload.images", accounts.FileGrant{Permissions: tokens.StorageAppend, Types: images}},
		"all is any type":                    {"upload.all", accounts.FileGrant{Permissions: tokens.StorageAppend}},
		"all is any type beside images":      {"upload.images upload.all", accounts.FileGrant{Permissions: tokens.StorageAppend}},
		"all before images is any type":      {"upload.all upload.images", accounts.FileGrant{Permissions: tokens.StorageAppend}},
		"overwrite makes it writing":         {"upload.images security.overwrite", accounts.FileGrant{Permissions: write, Types: images}},
		"overwrite in front too":             {"security.overwrite upload.all", accounts.FileGrant{Permissions: write}},
		"overwrite alone grants nothing":     {"security.overwrite", accounts.FileGrant{}},
		"overwrite does not make a reader":   {"security.overwrite view.any_file", accounts.FileGrant{Permissions: tokens.StorageRead}},
		"once is one use":                    {"upload.all upload.only_once_successful", accounts.FileGrant{Permissions: tokens.StorageAppend, Uses: 1}},
		"once grants nothing":                {"upload.only_once_successful", accounts.FileGrant{Uses: 1}},
		"download":                           {"view.any_file", accounts.FileGrant{Permissions: tokens.StorageRead}},
		"listing":                            {"view.can_use_listing_endpoint_at_all", accounts.FileGrant{Permissions: tokens.StorageList}},
		"listing of any tag":                 {"view.files_from_all_tags", accounts.FileGrant{Permissions: tokens.StorageList}},
		"delete":                             {"deletion.all_files_including_protected_and_unprotected", accounts.FileGrant{Permissions: tokens.StorageDelete}},
		"make tokens":                        {"security.generate_tokens", accounts.FileGrant{Permissions: tokens.TokensCreate}},
		"look tokens up":                     {"security.authentication_lookup", accounts.FileGrant{Permissions: tokens.TokensRead}},
		"revoke tokens":                      {"security.revoke_tokens", accounts.FileGrant{Permissions: tokens.TokensDelete}},
		"administrator is everything":        {"security.administrator", accounts.FileGrant{Permissions: tokens.Everything}},
		"administrator uploads any type":     {"security.administrator upload.images", accounts.FileGrant{Permissions: tokens.Everything}},
		"administrator once":                 {"security.administrator upload.only_once_successful", accounts.FileGrant{Permissions: tokens.Everything, Uses: 1}},
		"the source document's sample":       {"collections.create_new collections.add_tokens_to_allowed_collections", accounts.FileGrant{}},
		"technical endpoints grant nothing":  {"security.use_technical_endpoints security.search_for_tokens", accounts.FileGrant{}},
		"restrictions of uploads are no use": {"upload.enforce_no_password upload.enforce_tags_selected_in_token", accounts.FileGrant{}},
		"roles add up": {
			"view.any_file upload.images security.generate_tokens deletion.all_files_including_protected_and_unprotected",
			accounts.FileGrant{Permissions: tokens.StorageRead | tokens.StorageAppend | tokens.TokensCreate | tokens.StorageDelete, Types: images},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := accounts.GrantOf(strings.Fields(c.roles))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Fatalf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestGrantOfRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		roles []string
		says  string
	}{
		"no list":               {nil, "no roles"},
		"an empty list":         {[]string{}, "no roles"},
		"an empty name":         {[]string{""}, `""`},
		"an unknown role":       {[]string{"upload.images", "upload.music"}, `"upload.music"`},
		"capitals":              {[]string{"Upload.Images"}, `"Upload.Images"`},
		"a space":               {[]string{"upload.images "}, `"upload.images "`},
		"a role of the gateway": {[]string{"read-only"}, `"read-only"`},
		"the gateway's admin":   {[]string{"admin"}, `"admin"`},
		"a permission":          {[]string{"storage.read"}, `"storage.read"`},
		"a long name":           {[]string{strings.Repeat("x.", 500)}, "…"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := accounts.GrantOf(c.roles)
			var invalid *tokens.InvalidError
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "upload.images, ") {
				t.Fatalf("got %v", err)
			}
			if len(err.Error()) > 2500 || !reflect.DeepEqual(got, accounts.FileGrant{}) {
				t.Fatalf("got %+v, %d bytes of error", got, len(err.Error()))
			}
		})
	}
}

func TestRolesOf(t *testing.T) {
	for name, c := range map[string]struct {
		p    tokens.Permissions
		want string
	}{
		"nothing":                  {0, ""},
		"reading":                  {tokens.StorageRead, "view.any_file"},
		"what is new":              {tokens.StorageAppend, "upload.all"},
		"writing":                  {tokens.StorageWrite, "upload.all security.overwrite"},
		"the storage":              {tokens.StorageAll, "view.any_file view.files_from_all_tags view.can_use_listing_endpoint_at_all deletion.all_files_including_protected_and_unprotected upload.all security.overwrite"},
		"tokens":                   {tokens.TokensAll, "security.generate_tokens security.authentication_lookup security.revoke_tokens"},
		"users are none":           {tokens.UsersAll | tokens.AccessTokensAll, ""},
		"everything":               {tokens.Everything, "security.administrator"},
		"writing is appending too": {tokens.Everything &^ tokens.StorageAppend, "security.administrator"},
		"all but one bit":          {tokens.Everything &^ tokens.StorageDelete, "view.any_file view.files_from_all_tags view.can_use_listing_endpoint_at_all security.generate_tokens security.authentication_lookup security.revoke_tokens upload.all security.overwrite"},
	} {
		t.Run(name, func(t *testing.T) {
			got := accounts.RolesOf(c.p)
			if got == nil || strings.Join(got, " ") != c.want {
				t.Fatalf("got %q", got)
			}
		})
	}
}

// Whatever a token may do, its roles never say more, and what they say is
// known.
func TestRolesOfNeverSayMore(t *testing.T) {
	for p := range tokens.Everything + 1 {
		roles := accounts.RolesOf(p)
		if len(roles) == 0 {
			continue
		}
		may := p
		if may.Has(tokens.StorageWrite) {
			may |= tokens.StorageAppend
		}
		g, err := accounts.GrantOf(roles)
		if err != nil || !may.Covers(g.Permissions) || g.Types != nil || g.Uses != 0 {
			t.Fatalf("%q of %b grant %+v, %v", roles, p, g, err)
		}
		if expressible := tokens.StorageAll | tokens.TokensAll; may&expressible&^g.Permissions != 0 {
			t.Fatalf("%q of %b leave %b out", roles, p, may&expressible&^g.Permissions)
		}
	}
}

// FuzzGrantOf: whatever roles come, they grant no more than the roles of the
// list do, and writing only to who may overwrite.
func FuzzGrantOf(f *testing.F) {
	f.Add("upload.images,security.overwrite")
	f.Add("upload.all,upload.only_once_successful")
	f.Add("security.administrator")
	f.Add("admin,read-only")
	f.Add(",")
	f.Add("")
	f.Fuzz(func(t *testing.T, list string) {
		roles := strings.Split(list, ",")
		g, err := accounts.GrantOf(roles)
		if err != nil {
			var invalid *tokens.InvalidError
			if !errors.As(err, &invalid) || g.Permissions != 0 {
				t.Fatalf("%+v, %v", g, err)
			}
			return
		}
		overwrites := slices.Contains(roles, "security.overwrite") || slices.Contains(roles, "security.administrator")
		if g.Permissions.Has(tokens.StorageWrite) && !overwrites || !tokens.Everything.Covers(g.Permissions) || g.Uses > 1 {
			t.Fatalf("%q grant %+v", roles, g)
		}
		for _, name := range roles {
			one, err := accounts.GrantOf([]string{name})
			if err != nil || !g.Permissions.Covers(one.Permissions) {
				t.Fatalf("%q grants %+v, %v, which %q do not", name, one, err, roles)
			}
		}
	})
}
