package s3

import (
	"net/http"

	"tollgate/tokens"
)

// level is what the path of a request names.
type level uint8

const (
	serviceLevel level = iota
	bucketLevel
	objectLevel
	levels // their number
)

func levelOf(a Address) level {
	switch {
	case a.Bucket == "":
		return serviceLevel
	case a.Key == "":
		return bucketLevel
	default:
		return objectLevel
	}
}

// String returns service, bucket or object.
func (l level) String() string {
	switch l {
	case serviceLevel:
		return "service"
	case bucketLevel:
		return "bucket"
	case objectLevel:
		return "object"
	default:
		return "unknown"
	}
}

// operation is a row of the table. Lists are words with spaces between.
type operation struct {
	name   string
	method string
	level  level
	sub    string // the argument that selects the operation, "" = none
	with   string // arguments that must be there besides
	args   string // arguments that may be there besides
	needs  tokens.Permissions
	reach  tokens.Reach
	body   Body
	answer Answer
	public bool
	copies bool // x-amz-copy-source must be there; it must not for others
	form   bool // the body must be a form; it must not for others
	force  bool // x-minio-force-delete may be there
}

// The arguments of listings and of reading.
const (
	listArguments = "delimiter encoding-type max-keys prefix"
	readArguments = "partNumber response-cache-control response-content-disposition response-content-encoding response-content-language response-content-type response-expires versionId"
)

// operations is every operation that passes. Of rows that fit, the first
// counts. https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
var operations = []operation{
	{name: "ListBuckets", method: http.MethodGet, level: serviceLevel, args: "bucket-region continuation-token max-buckets prefix", needs: tokens.StorageList, reach: tokens.Everywhere, answer: BucketList},

	// The objects of a bucket. metadata=true is MinIO's, and shows what HeadObject does.
	{name: "ListObjectsV2", method: http.MethodGet, level: bucketLevel, sub: "list-type", with: "metadata", args: listArguments + " continuation-token fetch-owner start-after", needs: tokens.StorageList | tokens.StorageRead, reach: tokens.Under},
	{name: "ListObjectsV2", method: http.MethodGet, level: bucketLevel, sub: "list-type", args: listArguments + " continuation-token fetch-owner start-after", needs: tokens.StorageList, reach: tokens.Under, public: true},
	{name: "ListObjectVersions", method: http.MethodGet, level: bucketLevel, sub: "versions", with: "metadata", args: listArguments + " key-marker version-id-marker", needs: tokens.StorageList | tokens.StorageRead, reach: tokens.Under},
	{name: "ListObjectVersions", method: http.MethodGet, level: bucketLevel, sub: "versions", args: listArguments + " key-marker version-id-marker", needs: tokens.StorageList, reach: tokens.Under},
	{name: "ListObjects", method: http.MethodGet, level: bucketLevel, args: listArguments + " marker", needs: tokens.StorageList, reach: tokens.Under, public: true},
	{name: "ListMultipartUploads", method: http.MethodGet, level: bucketLevel, sub: "uploads", args: "delimiter encoding-type key-marker max-uploads prefix upload-id-marker", needs: tokens.StorageList, reach: tokens.Under},

	// The bucket itself. Whoever may do anything in it may know that it is there.
	{name: "HeadBucket", method: http.MethodHead, level: bucketLevel, needs: 0, reach: tokens.Within, public: true},
	{name: "GetBucketLocation", method: http.MethodGet, level: bucketLevel, sub: "location", needs: 0, reach: tokens.Within},
	{name: "CreateBucket", method: http.MethodPut, level: bucketLevel, needs: tokens.StorageWrite, reach: tokens.Whole, body: Document},
	{name: "DeleteBucket", method: http.MethodDelete, level: bucketLevel, needs: tokens.StorageDelete, reach: tokens.Whole, force: true},

	// What the body names is judged when it is read.
	{name: "DeleteObjects", method: http.MethodPost, level: bucketLevel, sub: "delete", needs: 0, reach: tokens.Within, body: DeleteList},
	{name: "PostObject", method: http.MethodPost, level: bucketLevel, needs: 0, reach: tokens.Within, body: Form, form: true},

	// The configuration of a bucket.
	{name: "GetBucketAcl", method: http.MethodGet, level: bucketLevel, sub: "acl", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketAcl", method: http.MethodPut, level: bucketLevel, sub: "acl", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "GetBucketPolicy", method: http.MethodGet, level: bucketLevel, sub: "policy", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketPolicy", method: http.MethodPut, level: bucketLevel, sub: "policy", needs: tokens.StorageAll, reach: tokens.Whole, body: Policy},
	{name: "DeleteBucketPolicy", method: http.MethodDelete, level: bucketLevel, sub: "policy", needs: tokens.StorageAll, reach: tokens.Whole},
	{name: "GetBucketPolicyStatus", method: http.MethodGet, level: bucketLevel, sub: "policyStatus", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "GetBucketCors", method: http.MethodGet, level: bucketLevel, sub: "cors", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketCors", method: http.MethodPut, level: bucketLevel, sub: "cors", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "DeleteBucketCors", method: http.MethodDelete, level: bucketLevel, sub: "cors", needs: tokens.StorageAll, reach: tokens.Whole},
	{name: "GetBucketLifecycleConfiguration", method: http.MethodGet, level: bucketLevel, sub: "lifecycle", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketLifecycleConfiguration", method: http.MethodPut, level: bucketLevel, sub: "lifecycle", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "DeleteBucketLifecycle", method: http.MethodDelete, level: bucketLevel, sub: "lifecycle", needs: tokens.StorageAll, reach: tokens.Whole},
	{name: "GetBucketVersioning", method: http.MethodGet, level: bucketLevel, sub: "versioning", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketVersioning", method: http.MethodPut, level: bucketLevel, sub: "versioning", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "GetBucketTagging", method: http.MethodGet, level: bucketLevel, sub: "tagging", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketTagging", method: http.MethodPut, level: bucketLevel, sub: "tagging", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "DeleteBucketTagging", method: http.MethodDelete, level: bucketLevel, sub: "tagging", needs: tokens.StorageAll, reach: tokens.Whole},
	{name: "GetBucketEncryption", method: http.MethodGet, level: bucketLevel, sub: "encryption", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketEncryption", method: http.MethodPut, level: bucketLevel, sub: "encryption", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "DeleteBucketEncryption", method: http.MethodDelete, level: bucketLevel, sub: "encryption", needs: tokens.StorageAll, reach: tokens.Whole},
	{name: "GetBucketWebsite", method: http.MethodGet, level: bucketLevel, sub: "website", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketWebsite", method: http.MethodPut, level: bucketLevel, sub: "website", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "DeleteBucketWebsite", method: http.MethodDelete, level: bucketLevel, sub: "website", needs: tokens.StorageAll, reach: tokens.Whole},
	{name: "GetBucketNotificationConfiguration", method: http.MethodGet, level: bucketLevel, sub: "notification", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketNotificationConfiguration", method: http.MethodPut, level: bucketLevel, sub: "notification", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "GetBucketLogging", method: http.MethodGet, level: bucketLevel, sub: "logging", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketLogging", method: http.MethodPut, level: bucketLevel, sub: "logging", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "GetBucketReplication", method: http.MethodGet, level: bucketLevel, sub: "replication", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketReplication", method: http.MethodPut, level: bucketLevel, sub: "replication", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "DeleteBucketReplication", method: http.MethodDelete, level: bucketLevel, sub: "replication", needs: tokens.StorageAll, reach: tokens.Whole},
	{name: "GetObjectLockConfiguration", method: http.MethodGet, level: bucketLevel, sub: "object-lock", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutObjectLockConfiguration", method: http.MethodPut, level: bucketLevel, sub: "object-lock", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "GetBucketOwnershipControls", method: http.MethodGet, level: bucketLevel, sub: "ownershipControls", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketOwnershipControls", method: http.MethodPut, level: bucketLevel, sub: "ownershipControls", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "DeleteBucketOwnershipControls", method: http.MethodDelete, level: bucketLevel, sub: "ownershipControls", needs: tokens.StorageAll, reach: tokens.Whole},
	{name: "GetPublicAccessBlock", method: http.MethodGet, level: bucketLevel, sub: "publicAccessBlock", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutPublicAccessBlock", method: http.MethodPut, level: bucketLevel, sub: "publicAccessBlock", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "DeletePublicAccessBlock", method: http.MethodDelete, level: bucketLevel, sub: "publicAccessBlock", needs: tokens.StorageAll, reach: tokens.Whole},
	{name: "GetBucketAccelerateConfiguration", method: http.MethodGet, level: bucketLevel, sub: "accelerate", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketAccelerateConfiguration", method: http.MethodPut, level: bucketLevel, sub: "accelerate", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "GetBucketRequestPayment", method: http.MethodGet, level: bucketLevel, sub: "requestPayment", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketRequestPayment", method: http.MethodPut, level: bucketLevel, sub: "requestPayment", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "GetBucketAnalyticsConfiguration", method: http.MethodGet, level: bucketLevel, sub: "analytics", with: "id", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "ListBucketAnalyticsConfigurations", method: http.MethodGet, level: bucketLevel, sub: "analytics", args: "continuation-token", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketAnalyticsConfiguration", method: http.MethodPut, level: bucketLevel, sub: "analytics", with: "id", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "DeleteBucketAnalyticsConfiguration", method: http.MethodDelete, level: bucketLevel, sub: "analytics", with: "id", needs: tokens.StorageAll, reach: tokens.Whole},
	{name: "GetBucketInventoryConfiguration", method: http.MethodGet, level: bucketLevel, sub: "inventory", with: "id", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "ListBucketInventoryConfigurations", method: http.MethodGet, level: bucketLevel, sub: "inventory", args: "continuation-token", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketInventoryConfiguration", method: http.MethodPut, level: bucketLevel, sub: "inventory", with: "id", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "DeleteBucketInventoryConfiguration", method: http.MethodDelete, level: bucketLevel, sub: "inventory", with: "id", needs: tokens.StorageAll, reach: tokens.Whole},
	{name: "GetBucketMetricsConfiguration", method: http.MethodGet, level: bucketLevel, sub: "metrics", with: "id", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "ListBucketMetricsConfigurations", method: http.MethodGet, level: bucketLevel, sub: "metrics", args: "continuation-token", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketMetricsConfiguration", method: http.MethodPut, level: bucketLevel, sub: "metrics", with: "id", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "DeleteBucketMetricsConfiguration", method: http.MethodDelete, level: bucketLevel, sub: "metrics", with: "id", needs: tokens.StorageAll, reach: tokens.Whole},
	{name: "GetBucketIntelligentTieringConfiguration", method: http.MethodGet, level: bucketLevel, sub: "intelligent-tiering", with: "id", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "ListBucketIntelligentTieringConfigurations", method: http.MethodGet, level: bucketLevel, sub: "intelligent-tiering", args: "continuation-token", needs: tokens.StorageRead, reach: tokens.Whole},
	{name: "PutBucketIntelligentTieringConfiguration", method: http.MethodPut, level: bucketLevel, sub: "intelligent-tiering", with: "id", needs: tokens.StorageAll, reach: tokens.Whole, body: Document},
	{name: "DeleteBucketIntelligentTieringConfiguration", method: http.MethodDelete, level: bucketLevel, sub: "intelligent-tiering", with: "id", needs: tokens.StorageAll, reach: tokens.Whole},

	// Reading an object.
	{name: "GetObject", method: http.MethodGet, level: objectLevel, args: readArguments, needs: tokens.StorageRead, reach: tokens.Exact, public: true},
	{name: "HeadObject", method: http.MethodHead, level: objectLevel, args: readArguments, needs: tokens.StorageRead, reach: tokens.Exact, public: true},
	{name: "GetObjectAttributes", method: http.MethodGet, level: objectLevel, sub: "attributes", args: "versionId", needs: tokens.StorageRead, reach: tokens.Exact},
	{name: "GetObjectTagging", method: http.MethodGet, level: objectLevel, sub: "tagging", args: "versionId", needs: tokens.StorageRead, reach: tokens.Exact},
	{name: "GetObjectAcl", method: http.MethodGet, level: objectLevel, sub: "acl", args: "versionId", needs: tokens.StorageRead, reach: tokens.Exact},
	{name: "GetObjectRetention", method: http.MethodGet, level: objectLevel, sub: "retention", args: "versionId", needs: tokens.StorageRead, reach: tokens.Exact},
	{name: "GetObjectLegalHold", method: http.MethodGet, level: objectLevel, sub: "legal-hold", args: "versionId", needs: tokens.StorageRead, reach: tokens.Exact},
	{name: "GetObjectTorrent", method: http.MethodGet, level: objectLevel, sub: "torrent", needs: tokens.StorageRead, reach: tokens.Exact},
	{name: "SelectObjectContent", method: http.MethodPost, level: objectLevel, sub: "select", with: "select-type", needs: tokens.StorageRead, reach: tokens.Exact, body: Document},

	// Writing an object.
	{name: "PutObject", method: http.MethodPut, level: objectLevel, needs: tokens.StorageWrite, reach: tokens.Exact, body: Object, public: true},
	{name: "CopyObject", method: http.MethodPut, level: objectLevel, needs: tokens.StorageWrite, reach: tokens.Exact, copies: true},
	{name: "CreateMultipartUpload", method: http.MethodPost, level: objectLevel, sub: "uploads", needs: tokens.StorageWrite, reach: tokens.Exact},
	{name: "UploadPart", method: http.MethodPut, level: objectLevel, sub: "uploadId", with: "partNumber", needs: tokens.StorageWrite, reach: tokens.Exact, body: Object},
	{name: "UploadPartCopy", method: http.MethodPut, level: objectLevel, sub: "uploadId", with: "partNumber", needs: tokens.StorageWrite, reach: tokens.Exact, copies: true},
	{name: "ListParts", method: http.MethodGet, level: objectLevel, sub: "uploadId", args: "encoding-type max-parts part-number-marker", needs: tokens.StorageWrite, reach: tokens.Exact},
	{name: "CompleteMultipartUpload", method: http.MethodPost, level: objectLevel, sub: "uploadId", needs: tokens.StorageWrite, reach: tokens.Exact, body: CompleteList},
	{name: "AbortMultipartUpload", method: http.MethodDelete, level: objectLevel, sub: "uploadId", needs: tokens.StorageWrite, reach: tokens.Exact},
	{name: "PutObjectTagging", method: http.MethodPut, level: objectLevel, sub: "tagging", args: "versionId", needs: tokens.StorageWrite, reach: tokens.Exact, body: Document},
	{name: "DeleteObjectTagging", method: http.MethodDelete, level: objectLevel, sub: "tagging", args: "versionId", needs: tokens.StorageWrite, reach: tokens.Exact},
	{name: "RestoreObject", method: http.MethodPost, level: objectLevel, sub: "restore", args: "versionId", needs: tokens.StorageWrite, reach: tokens.Exact, body: Document},

	// Deleting it, and what outlasts the one who does it.
	{name: "DeleteObject", method: http.MethodDelete, level: objectLevel, args: "versionId", needs: tokens.StorageDelete, reach: tokens.Exact, force: true},
	{name: "PutObjectAcl", method: http.MethodPut, level: objectLevel, sub: "acl", args: "versionId", needs: tokens.StorageAll, reach: tokens.Exact, body: Document},
	{name: "PutObjectRetention", method: http.MethodPut, level: objectLevel, sub: "retention", args: "versionId", needs: tokens.StorageAll, reach: tokens.Exact, body: Document},
	{name: "PutObjectLegalHold", method: http.MethodPut, level: objectLevel, sub: "legal-hold", args: "versionId", needs: tokens.StorageAll, reach: tokens.Exact, body: Document},
}

// index is the table as it is looked up.
type index struct {
	rows      [methods][levels][]*operation // in the order of the table
	selectors map[string]bool               // the arguments that select an operation
}

// methods is the number of methods that methodOf tells apart.
const methods = 6

// methodOf returns the place of a method in the index, 0 for those of which
// there are no rows.
func methodOf(method string) int {
	switch method {
	case http.MethodGet:
		return 1
	case http.MethodHead:
		return 2
	case http.MethodPut:
		return 3
	case http.MethodPost:
		return 4
	case http.MethodDelete:
		return 5
	default:
		return 0
	}
}

// operationIndex is only read.
var operationIndex = indexOf(operations)

func indexOf(table []operation) index {
	x := index{selectors: make(map[string]bool)}
	for i := range table {
		o := &table[i]
		rows := &x.rows[methodOf(o.method)][o.level]
		*rows = append(*rows, o)
		if o.sub != "" {
			x.selectors[o.sub] = true
		}
	}
	return x
}

// isSelector reports whether an argument selects an operation.
func isSelector(name string) bool { return operationIndex.selectors[name] }

// isKnown reports whether any operation has an argument.
func isKnown(name string) bool {
	for i := range operations {
		o := &operations[i]
		if o.sub == name || hasWord(o.with, name) || hasWord(o.args, name) {
			return true
		}
	}
	return false
}

// Listed is an operation as the documents list it.
type Listed struct {
	Name   string
	Method string
	Level  string // service, bucket or object
	Query  string // the arguments that must be there, "" = none
	Copies bool   // x-amz-copy-source must be there, and its object is read
	Form   bool   // the body must be a form
	Needs  tokens.Permissions
	Reach  tokens.Reach
	Public bool
}

// Operations returns every operation that passes, in the order of the table.
func Operations() []Listed {
	all := make([]Listed, len(operations))
	for i, o := range operations {
		all[i] = Listed{
			Name: o.name, Method: o.method, Level: o.level.String(), Query: o.query(), Copies: o.copies,
			Form: o.form, Needs: o.needs, Reach: o.reach, Public: o.public,
		}
	}
	return all
}

// query returns the arguments that must be there.
func (o *operation) query() string {
	query := o.sub
	if query == "list-type" {
		query += "=2"
	}
	if o.with == "" {
		return query
	}
	if o.with == "select-type" {
		return query + "&select-type=2"
	}
	return query + "&" + o.with
}
