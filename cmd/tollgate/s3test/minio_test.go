package s3test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// mini is minio-go. Over http it signs each chunk of what it sends, with
// trailers a CRC32C after the last one too.
type mini struct {
	minio.Core
	bucket string
}

func openMinio(a access, bucket string) (*library, error) { return openMini(a, bucket, false) }

func openMinioTrailers(a access, bucket string) (*library, error) { return openMini(a, bucket, true) }

func openMini(a access, bucket string, trailers bool) (*library, error) {
	at, err := url.Parse(a.endpoint)
	if err != nil {
		return nil, err
	}
	signer := credentials.NewStaticV4(a.accessKey, a.secretKey, "")
	if a.v2 {
		signer = credentials.NewStaticV2(a.accessKey, a.secretKey, "")
	}
	core, err := minio.NewCore(at.Host, &minio.Options{
		Creds: signer, Secure: at.Scheme == "https", Transport: a.client.Transport, Region: region, BucketLookup: minio.BucketLookupPath,
		TrailingHeaders: trailers, MaxRetries: 1,
	})
	if err != nil {
		return nil, err
	}
	c := &mini{*core, bucket}
	return &library{
		makeBucket: func(ctx context.Context, bucket string) error {
			return c.MakeBucket(ctx, bucket, minio.MakeBucketOptions{})
		},
		findBucket: func(ctx context.Context, bucket string) error {
			there, err := c.BucketExists(ctx, bucket)
			if err == nil && !there {
				err = fmt.Errorf("there is no bucket %s", bucket)
			}
			return err
		},
		deleteBucket: func(ctx context.Context, bucket string) error { return c.RemoveBucket(ctx, bucket) },
		buckets:      c.names, upload: c.upload, put: c.put, get: c.get, copy: c.duplicate, list: c.list, remove: c.remove,
		multipart: c.multipart, abort: c.abort, presign: c.presign, policy: c.policy,
	}, nil
}

func (c *mini) names(ctx context.Context) ([]string, error) {
	all, err := c.ListBuckets(ctx)
	var names []string
	for _, b := range all {
		names = append(names, b.Name)
	}
	return names, err
}

func (c *mini) upload(ctx context.Context, key string, file *os.File) error {
	_, err := c.FPutObject(ctx, c.bucket, key, file.Name(), minio.PutObjectOptions{ContentType: "application/octet-stream"})
	return err
}

func (c *mini) put(ctx context.Context, key string, body []byte, o object) error {
	options := minio.PutObjectOptions{ContentType: o.contentType}
	if o.note != "" {
		options.UserMetadata = map[string]string{"note": o.note}
	}
	_, err := c.Client.PutObject(ctx, c.bucket, key, bytes.NewReader(body), int64(len(body)), options)
	return coded(err)
}

func (c *mini) get(ctx context.Context, key, byteRange, noneMatch string) ([]byte, object, string, error) {
	var options minio.GetObjectOptions
	if byteRange != "" {
		options.Set("Range", byteRange)
	}
	if noneMatch != "" {
		options.Set("If-None-Match", noneMatch)
	}
	body, _, header, err := c.GetObject(ctx, c.bucket, key, options)
	if err != nil {
		return nil, object{}, "", coded(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	return data, object{header.Get("Content-Type"), header.Get("X-Amz-Meta-Note")}, header.Get("Etag"), err
}

func (c *mini) duplicate(ctx context.Context, from, to string) error {
	_, err := c.Client.CopyObject(ctx, minio.CopyDestOptions{Bucket: c.bucket, Object: to}, minio.CopySrcOptions{Bucket: c.bucket, Object: from})
	return err
}

func (c *mini) list(ctx context.Context, l listing) (keys, prefixes []string, err error) {
	for o := range c.Client.ListObjects(ctx, c.bucket, minio.ListObjectsOptions{
		UseV1: l.v1, Prefix: l.prefix, Recursive: l.delimiter == "", MaxKeys: pageSize,
	}) {
		switch {
		case o.Err != nil:
			return nil, nil, coded(o.Err)
		case l.delimiter != "" && strings.HasSuffix(o.Key, "/"):
			prefixes = append(prefixes, o.Key)
		default:
			keys = append(keys, o.Key)
		}
	}
	return keys, prefixes, nil
}

func (c *mini) remove(ctx context.Context, keys []string) error {
	removed, err := c.RemoveObjectsWithIter(ctx, c.bucket, func(yield func(minio.ObjectInfo) bool) {
		for _, key := range keys {
			if !yield(minio.ObjectInfo{Key: key}) {
				return
			}
		}
	}, minio.RemoveObjectsOptions{})
	if err != nil {
		return err
	}
	for r := range removed {
		if r.Err != nil {
			return fmt.Errorf("%s: %w", r.ObjectName, r.Err)
		}
	}
	return nil
}

func (c *mini) multipart(ctx context.Context, key string, parts [][]byte) error {
	id, err := c.NewMultipartUpload(ctx, c.bucket, key, minio.PutObjectOptions{})
	if err != nil {
		return err
	}
	var done []minio.CompletePart
	for i, part := range parts {
		out, err := c.PutObjectPart(ctx, c.bucket, key, id, i+1, bytes.NewReader(part), int64(len(part)), minio.PutObjectPartOptions{})
		if err != nil {
			return fmt.Errorf("part %d: %w", i+1, err)
		}
		done = append(done, minio.CompletePart{PartNumber: i + 1, ETag: out.ETag})
	}
	_, err = c.CompleteMultipartUpload(ctx, c.bucket, key, id, done, minio.PutObjectOptions{})
	return err
}

func (c *mini) abort(ctx context.Context, key string, part []byte) (int, error) {
	id, err := c.NewMultipartUpload(ctx, c.bucket, key, minio.PutObjectOptions{})
	if err != nil {
		return 0, err
	}
	if _, err := c.PutObjectPart(ctx, c.bucket, key, id, 1, bytes.NewReader(part), int64(len(part)), minio.PutObjectPartOptions{}); err != nil {
		return 0, err
	}
	under, err := c.ListMultipartUploads(ctx, c.bucket, key, "", "", "", 100)
	if err != nil || !slices.ContainsFunc(under.Uploads, func(u minio.ObjectMultipartInfo) bool { return u.UploadID == id }) {
		return 0, fmt.Errorf("before: %+v, %w", under, err)
	}
	if err := c.AbortMultipartUpload(ctx, c.bucket, key, id); err != nil {
		return 0, err
	}
	left, err := c.ListMultipartUploads(ctx, c.bucket, key, "", "", "", 100)
	return len(left.Uploads), err
}

func (c *mini) presign(ctx context.Context, method, key string) (string, error) {
	if method == http.MethodPut {
		signed, err := c.PresignedPutObject(ctx, c.bucket, key, time.Hour)
		if err != nil {
			return "", err
		}
		return signed.String(), nil
	}
	signed, err := c.PresignedGetObject(ctx, c.bucket, key, time.Hour, nil)
	if err != nil {
		return "", err
	}
	return signed.String(), nil
}

func (c *mini) policy(ctx context.Context, key string) (string, map[string]string, error) {
	wanted := minio.NewPostPolicy()
	for _, err := range []error{
		wanted.SetBucket(c.bucket), wanted.SetKey(key), wanted.SetContentLengthRange(1, 1000), wanted.SetExpires(deadline(ctx)),
	} {
		if err != nil {
			return "", nil, err
		}
	}
	signed, fields, err := c.PresignedPostPolicy(ctx, wanted)
	if err != nil {
		return "", nil, err
	}
	return signed.String(), fields, nil
}

// deadline returns when the client's time is over: an end in the future that
// needs no clock.
func deadline(ctx context.Context) time.Time {
	end, _ := ctx.Deadline() // each session has one
	return end
}

// coded adds to an error the status and the code that the server gave, which
// minio-go's own text leaves out.
func coded(err error) error {
	if answer := minio.ToErrorResponse(err); answer.Code != "" {
		return fmt.Errorf("%d %s: %w", answer.StatusCode, answer.Code, err)
	}
	return err
}
