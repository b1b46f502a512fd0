package s3

import "strings"

// BucketOfHost reads the bucket from the Host of a request in virtual-host
// style. The host is in lower case and has no port, and so are the bases; of
// several bases that fit the longest counts, also when the host is that base
// itself. ok is false if the host is a base or below none: the request is in
// path style. The bucket is not judged yet; AddressOf does, once it stands in
// front of the path.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
func BucketOfHost(host string, bases []string) (bucket, base string, ok bool) {
	for _, b := range bases {
		front, found := strings.CutSuffix(host, b)
		if !found || b == "" || len(b) <= len(base) || front != "" && !strings.HasSuffix(front, ".") {
			continue
		}
		base, bucket = b, strings.TrimSuffix(front, ".")
	}
	return bucket, base, bucket != ""
}
