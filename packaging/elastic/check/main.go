// Says what Elastic's package-spec has against a package: a folder or a zip.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/elastic/package-spec/v3/code/go/pkg/validator"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: package-check FOLDER|ZIP")
		os.Exit(2)
	}
	check := validator.ValidateFromPath
	if strings.HasSuffix(os.Args[1], ".zip") {
		check = validator.ValidateFromZip
	}
	if err := check(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
