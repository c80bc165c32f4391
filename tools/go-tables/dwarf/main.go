// Prints, as one JSON object, the byte offsets of runtime struct fields in a Go program's DWARF.
// Usage: dwarf BINARY <REQUEST, where REQUEST is JSON: `types` are struct types by package and
// name, whose direct fields and size are printed; `paths` are fields of nested structs; `variables`
// are package variables whose struct fields are printed under the variable's name.
// A type or field that the release does not have is left out of the answer; whether that is an
// error is the caller's decision.
package main

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type request struct {
	Types     []string `json:"types"`
	Paths     []string `json:"paths"`
	Variables []string `json:"variables"`
}

func main() {
	var wanted request
	if err := json.NewDecoder(os.Stdin).Decode(&wanted); err != nil {
		fmt.Fprintln(os.Stderr, "read request:", err)
		os.Exit(1)
	}
	offsets, err := read(os.Args[1], wanted)
	if err != nil {
		fmt.Fprintln(os.Stderr, "read DWARF:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(offsets); err != nil {
		os.Exit(1)
	}
}

func read(path string, wanted request) (map[string]int64, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		return nil, err
	}
	structs, err := collect(data, wanted)
	if err != nil {
		return nil, err
	}
	offsets := map[string]int64{}
	for name, st := range structs {
		key := strings.TrimPrefix(name, "runtime.")
		offsets[key+".sizeof"] = st.ByteSize
		for _, field := range st.Field {
			if field.Name != "_" {
				offsets[key+"."+field.Name] = field.ByteOffset
			}
		}
	}
	for _, path := range wanted.Paths {
		names := strings.Split(path, ".")
		if offset, ok := resolve(structs["runtime."+names[0]], names[1:]); ok {
			offsets[path] = offset
		}
	}
	return offsets, nil
}

// collect finds the wanted struct types and the struct types of the wanted variables.
func collect(data *dwarf.Data, wanted request) (map[string]*dwarf.StructType, error) {
	isType, isVariable := set(wanted.Types), set(wanted.Variables)
	structs := map[string]*dwarf.StructType{}
	reader := data.Reader()
	for {
		entry, err := reader.Next()
		if err != nil || entry == nil {
			return structs, err
		}
		if entry.Tag == dwarf.TagSubprogram {
			reader.SkipChildren()
			continue
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		offset := entry.Offset
		switch {
		case entry.Tag == dwarf.TagStructType && isType[name]:
		case entry.Tag == dwarf.TagVariable && isVariable[name]:
			offset, _ = entry.Val(dwarf.AttrType).(dwarf.Offset)
		default:
			continue
		}
		typ, err := data.Type(offset)
		if err != nil {
			return nil, fmt.Errorf("type of %s: %w", name, err)
		}
		if st := structOf(typ); st != nil {
			structs[name] = st
		}
	}
}

func set(names []string) map[string]bool {
	all := map[string]bool{}
	for _, name := range names {
		all[name] = true
	}
	return all
}

// structOf looks through typedefs; nil for what is no struct.
func structOf(typ dwarf.Type) *dwarf.StructType {
	for {
		switch t := typ.(type) {
		case *dwarf.StructType:
			return t
		case *dwarf.TypedefType:
			typ = t.Type
		default:
			return nil
		}
	}
}

// resolve follows a path of field names through nested structs.
func resolve(st *dwarf.StructType, path []string) (int64, bool) {
	if st == nil {
		return 0, false
	}
	for _, field := range st.Field {
		if field.Name != path[0] {
			continue
		}
		if len(path) == 1 {
			return field.ByteOffset, true
		}
		offset, ok := resolve(structOf(field.Type), path[1:])
		return field.ByteOffset + offset, ok
	}
	return 0, false
}
