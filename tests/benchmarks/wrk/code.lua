-- A whole code flow of somebody signed in who has consented before: an authorization request that is answered
-- with a code at once, then the code for tokens. args: the authorization request, the token request without code.

dofile("report.lua")

counted = 0
local codes = {}
local authorize, redeem = "", ""

function init(args)
   authorize, redeem = wrk.format("GET", args[1]), args[2]
end

function request()
   local code = table.remove(codes)
   if code == nil then return authorize ~= "" and authorize or wrk.format() end
   return wrk.format("POST", "/oauth/token", nil, redeem .. code)
end

function response(status, headers, body)
   if status == 303 then
      local location = headers["location"] or headers["Location"] or ""
      table.insert(codes, location:match("[?&]code=([^&]+)"))
   elseif status == 200 then
      counted = counted + 1
   end
end
