-- What every script shares: the result as one line of JSON that load.py reads. What a script does not count itself is
-- counted here: all but refusals.

local threads = {}

function setup(thread)
   thread:set("number", #threads)
   table.insert(threads, thread)
end

function done(summary, latency)
   local errors = summary.errors
   local counted = 0
   for _, thread in ipairs(threads) do
      counted = counted + (thread:get("counted") or 0)
   end
   if threads[1]:get("counted") == nil then counted = summary.requests - errors.status end
   io.write(string.format(
      '\nresult {"requests": %d, "seconds": %.6f, "counted": %d, "refused": %d, "broken": %d, "p50": %d, "p99": %d}\n',
      summary.requests, summary.duration / 1e6, counted, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50), latency:percentile(99)))
end
