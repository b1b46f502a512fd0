package main

import (
	"fmt"
	"strings"
)

// rightFlags narrow a token to rights.
type rightFlags struct {
	Role       []string `help:"Narrow it to the rights of a role; can be given again." placeholder:"NAME"`
	Permission []string `help:"Narrow it to rights like storage.read; can be given again." placeholder:"RIGHT"`
	Resource   []string `help:"Narrow it to a bucket or a path prefix; can be given again." placeholder:"BUCKET/PREFIX"`
	Grant      []string `help:"Narrow it to rights in places of their own, which follow an @; can be given again, for other rights in other places. \\, is a comma in a name." placeholder:"RIGHT,…[@BUCKET/PREFIX,…]" sep:"none"`
}

// add says what the token is given; nothing = all that its owner has.
func (f *rightFlags) add(body document) error {
	if len(f.Resource) > 0 && len(f.Permission) == 0 && len(f.Role) == 0 {
		return &usageError{"--resource needs a --permission or a --role, for instance --permission storage.*"}
	}
	if len(f.Grant) > 0 && len(f.Role)+len(f.Permission)+len(f.Resource) > 0 {
		return &usageError{"--grant was given beside --role, --permission or --resource, accepted is either --grant or the others"}
	}
	body.list("roles", f.Role)
	body.list("permissions", f.Permission)
	body.list("resources", f.Resource)
	grants := make([]grantRecord, 0, len(f.Grant))
	for _, text := range f.Grant {
		g, err := parseGrant(text)
		if err != nil {
			return err
		}
		grants = append(grants, g)
	}
	if len(grants) > 0 {
		body["grants"] = grants
	}
	return nil
}

// parseGrant reads rights with commas between, and behind an @ the places where
// they hold. Without an @ they hold everywhere; with one and nothing behind it
// the grant is refused. A backslash takes what follows as it is.
func parseGrant(text string) (grantRecord, error) {
	rights, places, placed := strings.Cut(text, "@")
	g := grantRecord{Permissions: splitEscaped(rights)}
	bad := hasBlank(g.Permissions)
	if placed {
		g.Resources = splitEscaped(places)
		bad = bad || hasBlank(g.Resources)
	}
	if bad {
		return grantRecord{}, &usageError{fmt.Sprintf("--grant was read as %q, accepted is one like storage.read,storage.list@bucket/a/,bucket/b", text)}
	}
	return g, nil
}

func hasBlank(list []string) bool {
	for _, text := range list {
		if text == "" || strings.TrimSpace(text) != text {
			return true
		}
	}
	return false
}

// splitEscaped splits at commas that have no backslash in front.
func splitEscaped(text string) []string {
	parts := []string{""}
	escaped := false
	for _, r := range text {
		last := len(parts) - 1
		switch {
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && r == ',':
			parts = append(parts, "")
		default:
			parts[last] += string(r)
		}
		escaped = false
	}
	if escaped {
		parts[len(parts)-1] += `\`
	}
	return parts
}

// restrictionFlags say what the requests with a token must be like.
type restrictionFlags struct {
	Address          []string `help:"Requests come from this address or network; can be given again." placeholder:"CIDR"`
	UserAgent        []string `help:"Requests have exactly this User-Agent; can be given again." placeholder:"TEXT" sep:"none"`
	UserAgentPattern []string `help:"Requests have a User-Agent like this, where * stands for any text; can be given again." placeholder:"PATTERN" sep:"none"`
	MIMEType         []string `name:"mime-type" help:"Uploads are of this media type, like image/png or image/*; can be given again." placeholder:"TYPE"`
	Tag              []string `help:"Tags of requests have this key, or key and value; can be given again." placeholder:"KEY[=VALUE]" sep:"none"`
	MaxSize          string   `help:"Uploads are at most that large: bytes, or with a unit like 10MiB or 10MB." placeholder:"SIZE"`
	MaxUses          *int64   `help:"It can be used that many times." placeholder:"N"`
}

// add says what the requests must be like; nothing = anything will do.
func (f *restrictionFlags) add(body document) error {
	only := document{}
	only.list("addresses", f.Address)
	only.list("user_agents", f.UserAgent)
	only.list("user_agent_patterns", f.UserAgentPattern)
	only.list("mime_types", f.MIMEType)
	only.list("tags", f.Tag)
	if f.MaxSize != "" {
		size, err := parseSize("--max-size", f.MaxSize)
		if err != nil {
			return err
		}
		only["max_size"] = size
	}
	if f.MaxUses != nil {
		if *f.MaxUses < 1 {
			return &usageError{fmt.Sprintf("--max-uses was read as %d, accepted is a number from 1 on", *f.MaxUses)}
		}
		only["max_uses"] = *f.MaxUses
	}
	if len(only) > 0 {
		body["restrictions"] = only
	}
	return nil
}
