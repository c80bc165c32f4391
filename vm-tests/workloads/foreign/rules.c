/* Lua: the interpreter calls its library, that calls the interpreter, and errors jump over both. */
#include "foreign.h"

#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>
#include <lua5.4/lualib.h>

static const char RULES[] =
	"local number = ...\n"
	"local function grow(depth)\n"
	"  if depth == 0 then return { string.rep('x', 40 + number) } end\n"
	"  local ok, list = pcall(function() return grow(depth - 1) end)\n"
	"  list[#list + 1] = ('%d:%s'):format(depth, #list)\n"
	"  return list\n"
	"end\n"
	"local list = grow(6)\n"
	"table.sort(list, function(a, b) return a .. 'k' < b .. 'k' end)\n"
	"local text = table.concat(list, ','):gsub('%d+', function(digits)\n"
	"  return select(2, pcall(error, { digits .. '!' }))[1]\n"
	"end)\n"
	"local steps = coroutine.wrap(function()\n"
	"  for word in text:gmatch('[^,]+') do coroutine.yield(word:upper()) end\n"
	"end)\n"
	"local pair = setmetatable({}, { __index = function(_, key) return key .. text end,\n"
	"  __concat = function(_, other) return load('return ' .. ('%q'):format(other))() end })\n"
	"local count = 0\n"
	"for word in steps do count = count + #(pair .. word) + #pair[word] end\n"
	"return count > 0 and 1 or 0\n";

/* Inlined, so that only debug information can tell that it was called. */
static inline __attribute__((always_inline)) int call_rules(lua_State *state, int number)
{
	lua_pushinteger(state, number);
	if (lua_pcall(state, 1, 1, 0) != LUA_OK)
		return 0;
	return (int)lua_tointeger(state, -1);
}

static lua_State *run(int number, int *answer)
{
	lua_State *state = luaL_newstate();

	luaL_openlibs(state);
	*answer = 0;
	if (luaL_loadstring(state, RULES) != LUA_OK)
		return state;
	*answer = call_rules(state, number);
	return state;
}

int run_rules(int number)
{
	int answer;

	lua_close(run(number, &answer));
	return answer;
}

int forgotten_rules(int number)
{
	int answer;

	return run(number, &answer) != NULL && answer;
}
