package accounts

// The media types that the upload roles of the file repository stand for, as
// its version 2.1 has them. It takes video/mp2t in capitals; here all are
// lower case, as restrictions compare them.

func imageTypes() []string {
	return []string{"image/png", "image/jpg", "image/jpeg", "image/gif", "image/webp", "image/pipeg"}
}

func videoTypes() []string {
	return []string{
		"video/mp4", "video/x-flv", "video/mp2t", "video/3gpp", "video/quicktime",
		"video/x-msvideo", "video/x-ms-wmv", "video/webm", "video/ogg", "video/mpeg",
	}
}

func documentTypes() []string {
	return []string{
		"application/vnd.ms-works", "application/pdf", "application/msword",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		"application/vnd.oasis.opendocument.presentation",
		"application/vnd.oasis.opendocument.spreadsheet",
		"application/vnd.oasis.opendocument.text",
		"application/json", "application/octet-stream", "text/csv",
	}
}

func backupTypes() []string {
	return []string{
		"application/octet-stream", "application/json", "text/plain",
		"application/x-tar", "application/tar", "application/zip", "application/x-zip-compressed",
		"application/gzip", "application/x-gzip", "application/x-bzip", "application/x-bzip2",
		"application/x-xz", "application/x-lzma", "application/x-7z-compressed",
		"application/x-rar-compressed", "application/vnd.rar",
		"application/xml", "text/xml", "application/sql", "application/x-sql", "text/x-sql",
	}
}
