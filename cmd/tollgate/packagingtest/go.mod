module tollgate/cmd/tollgate/packagingtest

go 1.26.0
