-- The same request again and again: -H gives its headers, args: method, body.
-- There is no `response` here: for it, wrk would read every header into Lua, on the cores that are measured.

dofile("report.lua")

function init(args)
   wrk.method = args[1]
   if args[2] ~= "" then wrk.body = args[2] end
   prepared = wrk.format()
end

function request()
   return prepared or wrk.format()
end
