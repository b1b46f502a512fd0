package s3test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// escapePath encodes a key for a request line or a copy source: all but / and
// what RFC 3986 leaves unreserved, once.
func escapePath(key string) string {
	parts := strings.Split(key, "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(part), "+", "%20")
	}
	return strings.Join(parts, "/")
}

// compareStored looks at the server itself, past the gateway: what is wrong on
// the way there and on the way back, as a key that is encoded twice or framing
// that is stored, looks right to the client.
func (s *session) compareStored(ctx context.Context) error {
	plain := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	defer plain.CloseIdleConnections()
	lib, err := openSDK(access{endpoint: s.server, accessKey: rootKey, secretKey: rootSecret, client: plain}, s.bucket)
	if err != nil {
		return err
	}
	var want, unsure []string
	for key := range s.material.sums {
		c := checkSize(strings.TrimPrefix(key, "size/"))
		if odd, is := strings.CutPrefix(key, "odd/"); is {
			c = checkKey(odd)
		}
		switch met := find(s.client, c); {
		case s.reported[c] && met == nil:
			want = append(want, key)
		case met != nil:
			unsure = append(unsure, key, path.Clean(key)) // it may be there by another name
		}
	}
	if len(want)+len(unsure) < len(sizes) {
		return fmt.Errorf("only %q were sent", want)
	}
	var got []string
	for _, prefix := range []string{"size/", "odd/"} {
		keys, _, err := lib.list(ctx, listing{prefix: prefix})
		if err != nil {
			return err
		}
		got = append(got, keys...)
	}
	got = slices.DeleteFunc(got, func(key string) bool { return slices.Contains(unsure, key) })
	problems := []error{sameSet(got, want)}
	for _, key := range want {
		if err := compareWith(ctx, lib, s.material, key, key); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", key, err))
		}
	}
	return errors.Join(problems...)
}
