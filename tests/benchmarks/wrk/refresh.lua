-- Each connection refreshes a grant: the successor that one answer brings is sent by a later request.
-- args: a file with one refresh token a line, how many threads share it, the parameters that go with each.

dofile("report.lua")

counted = 0
local tokens = {}
local fields = ""

function init(args)
   local line = 0
   for token in io.lines(args[1]) do
      if line % tonumber(args[2]) == number then table.insert(tokens, token) end
      line = line + 1
   end
   fields = args[3]
end

function request()
   local token = table.remove(tokens)
   if token == nil then return wrk.format("GET", "/livez") end -- wrk's own trial before it starts
   return wrk.format("POST", nil, nil, "grant_type=refresh_token&refresh_token=" .. token .. fields)
end

function response(status, headers, body)
   local token = body:match('"refresh_token":"([^"]+)"')
   if token ~= nil then
      table.insert(tokens, token)
      counted = counted + 1
   end
end
