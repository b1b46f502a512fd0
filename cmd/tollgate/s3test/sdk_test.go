package s3test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// lacksOfSDK is what aws-sdk-go-v2 has no means for.
var lacksOfSDK = map[check]string{checkV2: "it signs with version 4 alone"}

// sdk is aws-sdk-go-v2 with its own defaults: CRC32 of what is sent, in a
// trailer over TLS.
type sdk struct {
	*s3.Client
	bucket *string
}

func openSDK(a access, bucket string) (*library, error) {
	if a.v2 {
		return nil, errors.New(lacksOfSDK[checkV2])
	}
	c := &sdk{bucket: &bucket, Client: s3.New(s3.Options{
		BaseEndpoint: &a.endpoint, Region: region, UsePathStyle: true, HTTPClient: a.client, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(a.accessKey, a.secretKey, ""),
	})}
	return &library{
		makeBucket: func(ctx context.Context, bucket string) error {
			_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
			return err
		},
		findBucket: func(ctx context.Context, bucket string) error {
			_, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket})
			return err
		},
		deleteBucket: func(ctx context.Context, bucket string) error {
			_, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket})
			return err
		},
		buckets: c.names, upload: c.upload, put: c.put, get: c.get, copy: c.duplicate, list: c.list, remove: c.remove,
		multipart: c.multipart, abort: c.abort, presign: c.presign, policy: c.policy,
	}, nil
}

func (c *sdk) names(ctx context.Context) ([]string, error) {
	out, err := c.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, b := range out.Buckets {
		names = append(names, aws.ToString(b.Name))
	}
	return names, nil
}

func (c *sdk) upload(ctx context.Context, key string, file *os.File) error {
	_, err := manager.NewUploader(c.Client).Upload(ctx, &s3.PutObjectInput{Bucket: c.bucket, Key: &key, Body: file})
	return err
}

func (c *sdk) put(ctx context.Context, key string, body []byte, o object) error {
	in := &s3.PutObjectInput{Bucket: c.bucket, Key: &key, Body: bytes.NewReader(body)}
	if o.contentType != "" {
		in.ContentType = &o.contentType
	}
	if o.note != "" {
		in.Metadata = map[string]string{"note": o.note}
	}
	_, err := c.PutObject(ctx, in)
	return err
}

func (c *sdk) get(ctx context.Context, key, byteRange, noneMatch string) ([]byte, object, string, error) {
	in := &s3.GetObjectInput{Bucket: c.bucket, Key: &key}
	if byteRange != "" {
		in.Range = &byteRange
	}
	if noneMatch != "" {
		in.IfNoneMatch = &noneMatch
	}
	out, err := c.GetObject(ctx, in)
	if err != nil {
		return nil, object{}, "", err
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	return body, object{aws.ToString(out.ContentType), out.Metadata["note"]}, aws.ToString(out.ETag), err
}

func (c *sdk) duplicate(ctx context.Context, from, to string) error {
	source := *c.bucket + "/" + escapePath(from)
	_, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: c.bucket, Key: &to, CopySource: &source})
	return err
}

func (c *sdk) list(ctx context.Context, l listing) (keys, prefixes []string, err error) {
	add := func(objects []types.Object, common []types.CommonPrefix) {
		for _, o := range objects {
			keys = append(keys, aws.ToString(o.Key))
		}
		for _, p := range common {
			prefixes = append(prefixes, aws.ToString(p.Prefix))
		}
	}
	if !l.v1 {
		pages := s3.NewListObjectsV2Paginator(c.Client, &s3.ListObjectsV2Input{
			Bucket: c.bucket, Prefix: &l.prefix, Delimiter: optional(l.delimiter), MaxKeys: aws.Int32(pageSize)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, nil, err
			}
			add(page.Contents, page.CommonPrefixes)
		}
		return keys, prefixes, nil
	}
	in := &s3.ListObjectsInput{Bucket: c.bucket, Prefix: &l.prefix, Delimiter: optional(l.delimiter), MaxKeys: aws.Int32(pageSize)}
	for {
		page, err := c.ListObjects(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		add(page.Contents, page.CommonPrefixes)
		if !aws.ToBool(page.IsTruncated) {
			return keys, prefixes, nil
		}
		in.Marker = page.NextMarker
		if in.Marker == nil && len(page.Contents) > 0 { // only with a delimiter it must be there
			in.Marker = page.Contents[len(page.Contents)-1].Key
		}
	}
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (c *sdk) remove(ctx context.Context, keys []string) error {
	var all types.Delete
	for _, key := range keys {
		all.Objects = append(all.Objects, types.ObjectIdentifier{Key: &key})
	}
	out, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: c.bucket, Delete: &all})
	if err == nil && len(out.Errors) > 0 {
		err = fmt.Errorf("%+v", out.Errors)
	}
	return err
}

func (c *sdk) multipart(ctx context.Context, key string, parts [][]byte) error {
	made, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: c.bucket, Key: &key})
	if err != nil {
		return err
	}
	var done types.CompletedMultipartUpload
	for i, part := range parts {
		number := aws.Int32(int32(i + 1))
		out, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: c.bucket, Key: &key, UploadId: made.UploadId, PartNumber: number, Body: bytes.NewReader(part)})
		if err != nil {
			return fmt.Errorf("part %d: %w", *number, err)
		}
		done.Parts = append(done.Parts, types.CompletedPart{PartNumber: number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32})
	}
	_, err = c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: c.bucket, Key: &key, UploadId: made.UploadId, MultipartUpload: &done})
	return err
}

func (c *sdk) abort(ctx context.Context, key string, part []byte) (int, error) {
	made, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: c.bucket, Key: &key})
	if err != nil {
		return 0, err
	}
	if _, err := c.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: c.bucket, Key: &key, UploadId: made.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(part)}); err != nil {
		return 0, err
	}
	under, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: c.bucket})
	if err != nil || len(under.Uploads) != 1 {
		return 0, fmt.Errorf("before: %+v, %w", under, err)
	}
	if _, err := c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: c.bucket, Key: &key, UploadId: made.UploadId}); err != nil {
		return 0, err
	}
	left, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: c.bucket})
	if err != nil {
		return 0, err
	}
	return len(left.Uploads), nil
}

func (c *sdk) presign(ctx context.Context, method, key string) (string, error) {
	signer := s3.NewPresignClient(c.Client)
	if method == http.MethodPut {
		signed, err := signer.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: c.bucket, Key: &key})
		if err != nil {
			return "", err
		}
		return signed.URL, nil
	}
	signed, err := signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: c.bucket, Key: &key})
	if err != nil {
		return "", err
	}
	return signed.URL, nil
}

func (c *sdk) policy(ctx context.Context, key string) (string, map[string]string, error) {
	signed, err := s3.NewPresignClient(c.Client).PresignPostObject(ctx, &s3.PutObjectInput{Bucket: c.bucket, Key: &key})
	if err != nil {
		return "", nil, err
	}
	return signed.URL, signed.Values, nil
}
