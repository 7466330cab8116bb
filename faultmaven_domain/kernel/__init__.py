"""What two or more rooms need: errors, ids, time, who asks, paging, data, files, jobs, caches, transactions, events."""
