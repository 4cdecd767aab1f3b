//go:build cgo

package truth

// Every target is a cgo program when cgo is enabled.

import "C"
