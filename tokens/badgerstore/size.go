package badgerstore

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// sizeOf returns the bytes that Badger's files in a directory take on the
// disk. It is zero for what cannot be read.
func sizeOf(dir string) (lsm, vlog int64) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0, 0
	}
	for _, f := range files {
		switch filepath.Ext(f.Name()) {
		case ".sst", ".mem":
			lsm += allocated(f)
		case ".vlog":
			vlog += allocated(f)
		}
	}
	return lsm, vlog
}

// allocated returns what a file really takes: Badger's logs are sparse.
func allocated(f fs.DirEntry) int64 {
	info, err := f.Info()
	if err != nil {
		return 0
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512 // stat(2): always units of 512 bytes
	}
	return info.Size()
}
