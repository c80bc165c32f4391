package main

// #include <stdlib.h>
// #include <sqlite3.h>
import "C"

import (
	"fmt"
	"strings"
	"unsafe"

	"sonde.test/workloads/line"
)

type database struct{ handle *C.sqlite3 }

//go:noinline
func (db database) exec(format string, values ...any) {
	text := C.CString(fmt.Sprintf(format, values...))
	defer C.free(unsafe.Pointer(text))
	if code := C.sqlite3_exec(db.handle, text, nil, nil, nil); code != C.SQLITE_OK {
		line.Fail("%s: %s", C.GoString(text), C.GoString(C.sqlite3_errmsg(db.handle)))
	}
}

//go:noinline
func (db database) prepare(query string) *C.sqlite3_stmt {
	text := C.CString(query)
	defer C.free(unsafe.Pointer(text))
	var statement *C.sqlite3_stmt
	if code := C.sqlite3_prepare_v2(db.handle, text, -1, &statement, nil); code != C.SQLITE_OK {
		line.Fail("prepare %s: %s", query, C.GoString(C.sqlite3_errmsg(db.handle)))
	}
	return statement
}

//go:noinline
func (db database) ask(query string) (rows int) {
	statement := db.prepare(query)
	defer C.sqlite3_finalize(statement)
	for C.sqlite3_step(statement) == C.SQLITE_ROW {
		rows++
	}
	return rows
}

//go:noinline
func openDatabase() database {
	var db database
	name := C.CString(":memory:")
	defer C.free(unsafe.Pointer(name))
	if code := C.sqlite3_open(name, &db.handle); code != C.SQLITE_OK {
		line.Fail("open database: code %d", int(code))
	}
	return db
}

//go:noinline
func (db database) fill(round int) {
	db.exec("create table article(id integer primary key, name text, stock int, price real)")
	db.exec("create index by_name on article(name, stock)")
	db.exec("create table move(id integer primary key, article references article, note text)")
	db.exec("create trigger moved after insert on article begin " +
		"insert into move(article, note) values (new.id, '{\"stock\":' || new.stock || '}'); end")
	db.exec("create view story as select a.name, m.note from article a join move m on m.article = a.id")
	db.exec("begin")
	for i := 0; i < 30; i++ {
		name := strings.Repeat("n", 1+(i*i*7+round)%600)
		db.exec("insert into article(name, stock, price) values ('%s', %d, %d / 4.0)", name, i*7, i)
	}
	db.exec("commit")
}

var questions = []string{
	"select stock % 3, count(*), group_concat(name, '-') from article group by 1 having count(*) > 1 order by 2 desc",
	"with recursive n(x) as (select 1 union all select x + 1 from n where x < 20) select x, (select count(*) from article where stock > x) from n order by x desc limit 5",
	"select json_extract(note, '$.stock'), upper(name), printf('%d %.2f', 3, 0.5) from story where name like 'n%' order by length(name) limit 4",
	"select name, row_number() over (partition by stock % 4 order by price), lag(stock) over (order by id) from article",
	"select * from article where stock in (7, 14) union select * from article where price > 2 except select * from article where id = 3",
	"select replace(name, 'n', 'yy'), hex(name), quote(name), strftime('%Y', 0) from article where id = 5",
	"explain query plan select * from article a join move m on a.id = m.article where a.name = 'n'",
	"pragma table_info(article)",
	"pragma integrity_check",
}

//go:noinline
func keepBooks(round int) {
	db := openDatabase()
	db.fill(round)
	for _, question := range questions {
		if db.ask(question) == 0 {
			line.Fail("no answer to %s", question)
		}
	}
	db.exec("alter table article add column remark text default 'none'")
	db.exec("update article set remark = name || stock where id %% 2")
	db.exec("delete from article where id %% 3 = 0")
	db.exec("reindex")
	db.exec("analyze")
	db.exec("vacuum")
	if code := C.sqlite3_close(db.handle); code != C.SQLITE_OK {
		line.Fail("close database: code %d", int(code))
	}
}

func openUsers() database {
	db := openDatabase()
	db.exec("create table user(id integer primary key, name text, mail text)")
	return db
}

// lookUpUser forgets to finalize its statement.
//
//go:noinline
func lookUpUser(db database, number int) {
	statement := db.prepare("select name, mail from user where id = ? and name like ? order by mail")
	C.sqlite3_bind_int(statement, 1, C.int(number))
	C.sqlite3_step(statement)
}

func lostBytes() int {
	return int(C.sqlite3_memory_used())
}
