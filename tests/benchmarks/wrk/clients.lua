-- Many clients in turn. args: a file with one Authorization value a line, the body.

dofile("report.lua")

counted = 0
local prepared = {}
local next_one = 0

function init(args)
   for line in io.lines(args[1]) do
      wrk.headers["Authorization"] = line
      table.insert(prepared, wrk.format("POST", nil, nil, args[2]))
   end
end

function request()
   if #prepared == 0 then return wrk.format() end
   next_one = next_one % #prepared + 1
   return prepared[next_one]
end

function response(status)
   if status == 200 then counted = counted + 1 end
end
