module tollgate/proxy/sigv4/sdktest

go 1.26.0

require (
	github.com/aws/aws-sdk-go-v2 v1.47.7
	github.com/aws/smithy-go v1.28.8
	tollgate v0.0.0
)

replace tollgate => ../../..
