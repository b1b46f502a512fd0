package s3test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

// presignedKey is a key that a presigned URL must encode.
const presignedKey = "presigned/é a+b'c~(d)&e=f;g"

// fetch sends a request as somebody would who has only the URL.
func fetch(ctx context.Context, client *http.Client, method, url, contentType string, body []byte) (status int, answer string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return response.StatusCode, string(data), err
}

// spoil changes the first character of the signature in a presigned URL of
// either version.
func spoil(url string) string {
	for _, name := range []string{"X-Amz-Signature=", "Signature="} {
		at := strings.Index(url, name)
		if at < 0 {
			continue
		}
		first := at + len(name)
		for url[first] == '%' { // an encoded one stays, so that the rest is a signature
			first += len("%2B")
		}
		other := "0"
		if url[first] == '0' {
			other = "1"
		}
		return url[:first] + other + url[first+1:]
	}
	return url
}

func (l *suite) checkPresignedGet(ctx context.Context, lib *library) error {
	if err := l.put(ctx, presignedKey, []byte("presigned"), object{}); err != nil {
		return err
	}
	url, err := lib.presign(ctx, http.MethodGet, presignedKey)
	if err != nil {
		return err
	}
	return getPresigned(ctx, l.plain, url, "presigned")
}

// getPresigned wants a URL to give the content, and to be good for nothing
// else.
func getPresigned(ctx context.Context, client *http.Client, url, content string) error {
	if status, body, err := fetch(ctx, client, http.MethodGet, url, "", nil); err != nil || status != http.StatusOK || body != content {
		return fmt.Errorf("GET %s: %d %s, %v", url, status, body, err)
	}
	for name, try := range map[string]struct{ method, url string }{
		"another signature": {http.MethodGet, spoil(url)}, "another method": {http.MethodPut, url}, "one more argument": {http.MethodGet, url + "&acl="},
	} {
		if status, body, err := fetch(ctx, client, try.method, try.url, "", nil); err != nil || status != http.StatusForbidden {
			return fmt.Errorf("%s: %d %s, %v; want 403", name, status, body, err)
		}
	}
	return nil
}

func (l *suite) checkPresignedPut(ctx context.Context) error {
	url, err := l.presign(ctx, http.MethodPut, presignedKey+"!")
	if err != nil {
		return err
	}
	if err := putPresigned(ctx, l.plain, url, "put by URL"); err != nil {
		return err
	}
	body, _, _, err := l.get(ctx, presignedKey+"!", "", "")
	if err != nil || string(body) != "put by URL" {
		return fmt.Errorf("got %q, %v", body, err)
	}
	return nil
}

// putPresigned wants a URL to take the content, and nothing with another
// signature.
func putPresigned(ctx context.Context, client *http.Client, url, content string) error {
	if status, body, err := fetch(ctx, client, http.MethodPut, spoil(url), "", []byte("refused")); err != nil || status != http.StatusForbidden {
		return fmt.Errorf("PUT with another signature: %d %s, %v; want 403", status, body, err)
	}
	if status, body, err := fetch(ctx, client, http.MethodPut, url, "", []byte(content)); err != nil || status != http.StatusOK {
		return fmt.Errorf("PUT %s: %d %s, %v", url, status, body, err)
	}
	return nil
}

func (l *suite) checkPost(ctx context.Context) error {
	const key = "form/é a+b"
	url, fields, err := l.policy(ctx, key)
	if err != nil {
		return err
	}
	if status, body, err := postForm(ctx, l.plain, url, fields, "by form"); err != nil || status/100 != 2 {
		return fmt.Errorf("POST %s with %q: %d %s, %v", url, fields, status, body, err)
	}
	body, _, _, err := l.get(ctx, key, "", "")
	if err != nil || string(body) != "by form" {
		return fmt.Errorf("got %q, %v", body, err)
	}
	fields["key"] = "form/another"
	if status, body, err := postForm(ctx, l.plain, url, fields, "by form"); err != nil || status != http.StatusForbidden {
		return fmt.Errorf("POST of a key that the policy does not have: %d %s, %v; want 403", status, body, err)
	}
	if _, _, _, err := l.get(ctx, "form/another", "", ""); err == nil {
		return errors.New("what the policy does not have is stored")
	}
	return nil
}

// postForm sends what a browser would of a form with a file.
func postForm(ctx context.Context, client *http.Client, url string, fields map[string]string, content string) (status int, answer string, err error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			return 0, "", err
		}
	}
	file, err := w.CreateFormFile("file", "name.txt")
	if err != nil {
		return 0, "", err
	}
	if _, err := io.WriteString(file, content); err != nil {
		return 0, "", err
	}
	if err := w.Close(); err != nil {
		return 0, "", err
	}
	return fetch(ctx, client, http.MethodPost, url, w.FormDataContentType(), form.Bytes())
}

func TestSpoilKeepsTheFormOfASignature(t *testing.T) {
	for url, want := range map[string]string{
		"/?X-Amz-Signature=0a": "/?X-Amz-Signature=1a", "/?X-Amz-Signature=ff&b": "/?X-Amz-Signature=0f&b", "/?Signature=%2B%2Fab%3D": "/?Signature=%2B%2F0b%3D",
	} {
		if got := spoil(url); got != want {
			t.Errorf("%s becomes %s, want %s", url, got, want)
		}
	}
}
