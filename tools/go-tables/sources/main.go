// Prints, as one JSON object, what go/types says of a Go release's own runtime sources: offsets of
// struct fields, values of constants, and the texts of wait reasons. It is the second witness
// beside the DWARF of a built program, and the only one for constants.
// Usage: sources <REQUEST, where REQUEST is JSON: `packages` are those that the release's own
// `go list -deps -json` printed, in that order; the rest is as in ../dwarf. What a reader would
// get wrong: which files belong to a build (tags, experiments, architecture) is never decided
// here but by the release's own go command.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	ImportMap  map[string]string
}

type request struct {
	Arch      string   `json:"arch"`
	Packages  []listed `json:"packages"`
	Types     []string `json:"types"`
	Paths     []string `json:"paths"`
	Variables []string `json:"variables"`
	// Constants are expressions over `package.name`, anchored at both ends.
	Constants []string `json:"constants"`
}

type answer struct {
	Fields      map[string]int64 `json:"fields"`
	Constants   map[string]int64 `json:"constants"`
	WaitReasons []string         `json:"waitReasons"`
}

func main() {
	var wanted request
	if err := json.NewDecoder(os.Stdin).Decode(&wanted); err != nil {
		fmt.Fprintln(os.Stderr, "read request:", err)
		os.Exit(1)
	}
	found, err := read(wanted)
	if err != nil {
		fmt.Fprintln(os.Stderr, "read sources:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		os.Exit(1)
	}
}

func read(wanted request) (*answer, error) {
	sizes := types.SizesFor("gc", wanted.Arch)
	if sizes == nil {
		return nil, fmt.Errorf("no sizes for %s", wanted.Arch)
	}
	checked := map[string]*types.Package{"unsafe": types.Unsafe}
	found := &answer{Fields: map[string]int64{}, Constants: map[string]int64{}}
	for _, pkg := range wanted.Packages {
		if pkg.ImportPath == "unsafe" {
			continue
		}
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
		files, err := check(pkg, sizes, checked, info)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", pkg.ImportPath, err)
		}
		if pkg.ImportPath == "runtime" {
			found.WaitReasons = waitReasons(files, info)
		}
	}
	readFields(wanted, sizes, checked, found.Fields)
	return found, readConstants(wanted.Constants, checked, found.Constants)
}

type importer struct {
	checked map[string]*types.Package
	mapped  map[string]string
}

func (i importer) Import(path string) (*types.Package, error) {
	if real, ok := i.mapped[path]; ok {
		path = real
	}
	if pkg, ok := i.checked[path]; ok {
		return pkg, nil
	}
	return nil, errors.New("not listed before its importer: " + path)
}

func check(
	pkg listed, sizes types.Sizes, checked map[string]*types.Package, info *types.Info,
) ([]*ast.File, error) {
	positions := token.NewFileSet()
	var files []*ast.File
	for _, name := range pkg.GoFiles {
		path := filepath.Join(pkg.Dir, name)
		file, err := parser.ParseFile(positions, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	config := types.Config{
		Importer:         importer{checked, pkg.ImportMap},
		Sizes:            sizes,
		IgnoreFuncBodies: true,
	}
	result, err := config.Check(pkg.ImportPath, positions, files, info)
	if err != nil {
		return nil, err
	}
	checked[pkg.ImportPath] = result
	return files, nil
}

// lookup finds `package.name`, where the package's path may hold dots and slashes.
func lookup(checked map[string]*types.Package, name string) types.Object {
	dot := strings.LastIndex(name, ".")
	pkg := checked[name[:dot]]
	if pkg == nil {
		return nil
	}
	return pkg.Scope().Lookup(name[dot+1:])
}

func structOf(typ types.Type) *types.Struct {
	st, _ := typ.Underlying().(*types.Struct)
	return st
}

// offsetsOf returns the fields of a struct in order with their offsets.
func offsetsOf(st *types.Struct, sizes types.Sizes) ([]*types.Var, []int64) {
	fields := make([]*types.Var, st.NumFields())
	for i := range fields {
		fields[i] = st.Field(i)
	}
	return fields, sizes.Offsetsof(fields)
}

func readFields(
	wanted request, sizes types.Sizes, checked map[string]*types.Package, found map[string]int64,
) {
	for _, name := range append(append([]string{}, wanted.Types...), wanted.Variables...) {
		object := lookup(checked, name)
		if object == nil || structOf(object.Type()) == nil {
			continue
		}
		key := strings.TrimPrefix(name, "runtime.")
		found[key+".sizeof"] = sizes.Sizeof(object.Type())
		fields, offsets := offsetsOf(structOf(object.Type()), sizes)
		for i, field := range fields {
			if field.Name() != "_" {
				found[key+"."+field.Name()] = offsets[i]
			}
		}
	}
	for _, path := range wanted.Paths {
		names := strings.Split(path, ".")
		object := lookup(checked, "runtime."+names[0])
		if object == nil {
			continue
		}
		if offset, ok := resolve(object.Type(), names[1:], sizes); ok {
			found[path] = offset
		}
	}
}

func resolve(typ types.Type, path []string, sizes types.Sizes) (int64, bool) {
	st := structOf(typ)
	if st == nil {
		return 0, false
	}
	fields, offsets := offsetsOf(st, sizes)
	for i, field := range fields {
		if field.Name() != path[0] {
			continue
		}
		if len(path) == 1 {
			return offsets[i], true
		}
		offset, ok := resolve(field.Type(), path[1:], sizes)
		return offsets[i] + offset, ok
	}
	return 0, false
}

// readConstants takes every integer constant that an expression matches. Values of 2^63 and more
// are given as the signed number of the same 64 bits.
func readConstants(
	wanted []string, checked map[string]*types.Package, found map[string]int64,
) error {
	expression, err := regexp.Compile("^(?:" + strings.Join(wanted, "|") + ")$")
	if err != nil {
		return err
	}
	for path, pkg := range checked {
		for _, name := range pkg.Scope().Names() {
			object, ok := pkg.Scope().Lookup(name).(*types.Const)
			if !ok || !expression.MatchString(path+"."+name) {
				continue
			}
			value := constant.ToInt(object.Val())
			if value.Kind() != constant.Int {
				continue
			}
			if small, exact := constant.Int64Val(value); exact {
				found[path+"."+name] = small
			} else if large, exact := constant.Uint64Val(value); exact {
				found[path+"."+name] = int64(large)
			}
		}
	}
	return nil
}

// waitReasons reads the texts of `var waitReasonStrings = [...]string{waitReasonX: "…", …}`.
func waitReasons(files []*ast.File, info *types.Info) []string {
	var texts []string
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || spec.Names[0].Name != "waitReasonStrings" {
				return true
			}
			literal, ok := spec.Values[0].(*ast.CompositeLit)
			if !ok {
				return false
			}
			for _, element := range literal.Elts {
				pair, ok := element.(*ast.KeyValueExpr)
				if !ok {
					return false
				}
				index, _ := constant.Int64Val(constant.ToInt(info.Types[pair.Key].Value))
				for int64(len(texts)) <= index {
					texts = append(texts, "")
				}
				texts[index] = constant.StringVal(info.Types[pair.Value].Value)
			}
			return false
		})
	}
	return texts
}
