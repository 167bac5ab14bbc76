-- An upload may be as large as the token says, 10 MiB without a word. A replacement begins as an insert, so it is held
-- to the same. While the size is not known yet the answer is yes: the question comes again with the true size.
create policy "uploads are as large as the plan allows"
    on storage.objects
    as restrictive
    for insert
    to authenticated
    with check (
        coalesce((metadata ->> 'size')::bigint, (metadata ->> 'contentLength')::bigint, 0)
        <= coalesce((auth.jwt() -> 'app_metadata' ->> 'max_upload_bytes')::bigint, 10485760)
    );
