-- The same request again and again: -H gives its headers, args: method, body.

dofile("report.lua")

counted = 0

function init(args)
   wrk.method = args[1]
   if args[2] ~= "" then wrk.body = args[2] end
   prepared = wrk.format()
end

function request()
   return prepared or wrk.format()
end

function response(status)
   if status == 200 then counted = counted + 1 end
end
