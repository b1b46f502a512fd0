package s3

import (
	"strings"

	"tollgate/proxy/sigv4"
	"tollgate/tokens"
)

// copySourceNames reads x-amz-copy-source: bucket/key or /bucket/key, decoded
// once, with ?versionId=… or without. Storages differ in whether a plus is a
// space there; with a plus both objects are named. Access points and other
// ARNs are refused, since what they lead to cannot be known here.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
func copySourceNames(raw string) ([]tokens.Name, error) {
	path, query, versioned := strings.Cut(strings.TrimPrefix(raw, "/"), "?")
	if strings.HasPrefix(path, "arn:") || strings.HasPrefix(path, "arn%3") {
		return nil, sigv4.Faultf(ErrCopySource, "The copy source %q is an ARN, only bucket/key is possible.", quoted(raw))
	}
	if strings.IndexByte(raw, '#') >= 0 {
		return nil, sigv4.Faultf(ErrCopySource, "The copy source %q has a # that is not encoded.", quoted(raw))
	}
	if versioned && !isVersion(query) {
		return nil, sigv4.Faultf(ErrCopySource, "The copy source %q has something else than ?versionId= behind the key.", quoted(raw))
	}
	names := make([]tokens.Name, 0, 1)
	for _, reading := range readings(path) {
		source, err := sourceOf(reading)
		if err != nil {
			return nil, err
		}
		names = append(names, tokens.Name{Resource: source.Resource(), Needs: tokens.StorageRead, Reach: tokens.Exact})
	}
	return names, nil
}

// isVersion reports whether the raw query of a copy source is one version.
func isVersion(query string) bool {
	id, ok := strings.CutPrefix(query, "versionId=")
	return ok && id != "" && !strings.ContainsAny(id, "&;=?+") && isIdentifier(id)
}

// sourceOf reads a raw bucket/key. The slash between them may be encoded.
func sourceOf(raw string) (Address, error) {
	plain, ok := decode(raw)
	bucket, key, _ := strings.Cut(plain, "/")
	switch {
	case !ok:
		return Address{}, sigv4.Faultf(ErrCopySource, "The copy source %q has a %% that is followed by no two hex digits.", quoted(raw))
	case bucket == "" || key == "":
		return Address{}, sigv4.Faultf(ErrCopySource, "The copy source %q is not bucket/key.", quoted(raw))
	case strings.Contains(key, "?versionId="):
		// Some storages decode first and then look for the version.
		return Address{}, sigv4.Faultf(ErrCopySource, "The key of the copy source %q looks like a version.", quoted(raw))
	}
	if err := checkBucket(bucket); err != nil {
		return Address{}, err
	}
	return Address{Bucket: bucket, Key: key}, checkKey(key)
}
