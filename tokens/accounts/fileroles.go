package accounts

import (
	"strings"

	"tollgate/tokens"
)

// Role is a role of the file repository.
type Role struct {
	Name        string
	Description string
	// Permissions are those that the role gives. Of what may be written it
	// gives StorageAppend alone: a role with Overwrites makes it StorageWrite.
	Permissions tokens.Permissions
	Types       []string // of what may be uploaded by it; none = any, or it uploads nothing
	OneUse      bool     // a token that has it can be used once
	Overwrites  bool     // what may be uploaded by the other roles may replace what is there
}

// The roles of the file repository that mean something to others than it.
const (
	roleUploadAll     = "upload.all"
	roleOnce          = "upload.only_once_successful"
	roleLookup        = "security.authentication_lookup"
	roleOverwrite     = "security.overwrite"
	roleGenerate      = "security.generate_tokens"
	roleRevoke        = "security.revoke_tokens"
	roleAdministrator = "security.administrator"
	roleDelete        = "deletion.all_files_including_protected_and_unprotected"
	roleView          = "view.any_file"
	roleAllTags       = "view.files_from_all_tags"
	roleListing       = "view.can_use_listing_endpoint_at_all"
)

// FileRepositoryRoles returns the closed list of the roles that tokens of the
// file repository's API can ask for, and users can have. The names are those
// of its versions 2.1 and 3, and collections.add_tokens_to_allowed_collections,
// which its documentation alone has. The roles of collections are kept and
// shown and grant nothing, and so are those that have no counterpart here.
func FileRepositoryRoles() []Role {
	all := append(uploadRoles(), securityRoles()...)
	all = append(all, viewRoles()...)
	return append(all, collectionRoles()...)
}

func uploadRoles() []Role {
	return []Role{
		{Name: "upload.images", Description: "Upload images", Permissions: tokens.StorageAppend, Types: imageTypes()},
		{Name: "upload.videos", Description: "Upload videos", Permissions: tokens.StorageAppend, Types: videoTypes()},
		{Name: "upload.documents", Description: "Upload documents", Permissions: tokens.StorageAppend, Types: documentTypes()},
		{Name: "upload.backup", Description: "Upload backups: archives, dumps and plain text", Permissions: tokens.StorageAppend, Types: backupTypes()},
		{Name: roleUploadAll, Description: "Upload files of any type", Permissions: tokens.StorageAppend},
		{Name: "upload.enforce_no_password", Description: "Uploads may not set a password; kept and shown, grants nothing"},
		{Name: "upload.enforce_tags_selected_in_token", Description: "Uploads get the tags of the token; kept and shown, grants nothing"},
		{Name: roleOnce, Description: "The token can be used once", OneUse: true},
	}
}

func securityRoles() []Role {
	return []Role{
		{Name: roleLookup, Description: "Look up any token", Permissions: tokens.TokensRead},
		{Name: roleOverwrite, Description: "Overwrite files that may be uploaded", Overwrites: true},
		{Name: roleGenerate, Description: "Make tokens", Permissions: tokens.TokensCreate},
		{Name: "security.use_technical_endpoints", Description: "Use technical endpoints; kept and shown, grants nothing"},
		{Name: roleRevoke, Description: "Revoke tokens of others", Permissions: tokens.TokensDelete},
		{Name: roleAdministrator, Description: "Do everything", Permissions: tokens.Everything},
		{Name: "security.create_predictable_token_ids", Description: "Choose the id of a token; kept and shown, grants nothing"},
		{Name: "security.search_for_tokens", Description: "Search for tokens; kept and shown, grants nothing"},
		{Name: "security.cannot_see_full_token_ids", Description: "See masked ids in searches; kept and shown, grants nothing"},
	}
}

func viewRoles() []Role {
	return []Role{
		{Name: roleDelete, Description: "Delete any file", Permissions: tokens.StorageDelete},
		{Name: roleView, Description: "Download any file", Permissions: tokens.StorageRead},
		{Name: roleAllTags, Description: "List files of any tag", Permissions: tokens.StorageList},
		{Name: roleListing, Description: "List files", Permissions: tokens.StorageList},
	}
}

// collectionRoles grant nothing: there are no collections here.
func collectionRoles() []Role {
	return []Role{
		{Name: "collections.create_new", Description: "Create collections; kept and shown, grants nothing"},
		{Name: "collections.create_new.with_custom_id", Description: "Choose the id of a new collection; kept and shown, grants nothing"},
		{Name: "collections.allow_infinite_limits", Description: "Create collections without limits; kept and shown, grants nothing"},
		{Name: "collections.modify_details_of_allowed_collections", Description: "Edit the collections that allow the token; kept and shown, grants nothing"},
		{Name: "collections.modify_any_collection_regardless_if_token_was_allowed_by_collection", Description: "Edit any collection; kept and shown, grants nothing"},
		{Name: "collections.view_all_collections", Description: "Browse any collection; kept and shown, grants nothing"},
		{Name: "collections.can_use_listing_endpoint", Description: "List collections; kept and shown, grants nothing"},
		{Name: "collections.manage_tokens_in_allowed_collections", Description: "Manage the tokens of collections that allow the token; kept and shown, grants nothing"},
		{Name: "collections.add_tokens_to_allowed_collections", Description: "The same as collections.manage_tokens_in_allowed_collections; kept and shown, grants nothing"},
		{Name: "collections.can_list_tokens_in_allowed_collections", Description: "List the tokens of collections that allow the token; kept and shown, grants nothing"},
		{Name: "collections.delete_allowed_collections", Description: "Delete the collections that allow the token; kept and shown, grants nothing"},
		{Name: "collections.upload_to_allowed_collections", Description: "Upload to the collections that allow the token; kept and shown, grants nothing"},
		{Name: "collections.list_versions_for_allowed_collections", Description: "List the versions in collections that allow the token; kept and shown, grants nothing"},
		{Name: "collections.delete_versions_for_allowed_collections", Description: "Delete versions in collections that allow the token; kept and shown, grants nothing"},
	}
}

// fileRole returns the role of the file repository with that name.
func fileRole(name string) (Role, bool) {
	if !strings.Contains(name, ".") { // which all of them have
		return Role{}, false
	}
	for _, r := range FileRepositoryRoles() {
		if r.Name == name {
			return r, true
		}
	}
	return Role{}, false
}
