"""
Background functions: work that takes too long for a request, done elsewhere.

A part calls a background function (:mod:`.functions`). Its value is in a cache, or the part is
pending, and the work is asked for (:mod:`.asking`). An engine carries a message (:mod:`.messages`)
to a process that does the work (:mod:`.work`) and keeps the value. All that is known of a job is in
that cache (:mod:`.states`); an engine has no results.

The next page is the supervisor. What a broker or a worker has lost is asked for again by the next
reader, so nothing depends on the promises of a broker.
"""
