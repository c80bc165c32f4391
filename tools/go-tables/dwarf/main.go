// Prints, as one JSON object, the byte offsets of runtime struct fields in a Go program's DWARF.
// Usage: dwarf BINARY FIELD…, where a FIELD is `type.field[.field…]` of package runtime, or
// `type.sizeof` for the size of the type itself. A field that the release does not have is left
// out of the answer; whether that is an error is the caller's decision.
package main

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

func main() {
	offsets, err := read(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "read DWARF:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(offsets); err != nil {
		os.Exit(1)
	}
}

func read(path string, fields []string) (map[string]int64, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		return nil, err
	}
	structs, err := runtimeStructs(data)
	if err != nil {
		return nil, err
	}
	offsets := map[string]int64{}
	for _, field := range fields {
		path := strings.Split(field, ".")
		if offset, ok := resolve(structs[path[0]], path[1:]); ok {
			offsets[field] = offset
		}
	}
	return offsets, nil
}

// runtimeStructs collects the struct types of package runtime by their name without the package.
func runtimeStructs(data *dwarf.Data) (map[string]*dwarf.StructType, error) {
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
		if entry.Tag != dwarf.TagStructType || !strings.HasPrefix(name, "runtime.") {
			continue
		}
		typ, err := data.Type(entry.Offset)
		if err != nil {
			return nil, fmt.Errorf("type %s: %w", name, err)
		}
		if st, ok := typ.(*dwarf.StructType); ok {
			structs[strings.TrimPrefix(name, "runtime.")] = st
		}
	}
}

// resolve follows a path of field names through nested structs and typedefs.
func resolve(st *dwarf.StructType, path []string) (int64, bool) {
	if st == nil {
		return 0, false
	}
	if len(path) == 1 && path[0] == "sizeof" {
		return st.ByteSize, true
	}
	for _, field := range st.Field {
		if field.Name != path[0] {
			continue
		}
		if len(path) == 1 {
			return field.ByteOffset, true
		}
		typ := field.Type
		for {
			def, ok := typ.(*dwarf.TypedefType)
			if !ok {
				break
			}
			typ = def.Type
		}
		inner, ok := typ.(*dwarf.StructType)
		if !ok {
			return 0, false
		}
		offset, ok := resolve(inner, path[1:])
		return field.ByteOffset + offset, ok
	}
	return 0, false
}
