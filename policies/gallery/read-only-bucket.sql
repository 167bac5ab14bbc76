-- Signed-in users read the bucket `archive`.
create policy "users read the archive"
    on storage.objects
    for select
    to authenticated
    using (bucket_id = 'archive');

-- Whatever another policy permits, nothing is added to the archive: restrictive policies narrow all others.
create policy "nothing is added to the archive"
    on storage.objects
    as restrictive
    for insert
    to anon, authenticated
    with check (bucket_id <> 'archive');

-- Nothing in the archive is replaced or moved out, and nothing is moved in.
create policy "nothing in the archive changes"
    on storage.objects
    as restrictive
    for update
    to anon, authenticated
    using (bucket_id <> 'archive')
    with check (bucket_id <> 'archive');

-- Nothing is deleted from the archive, except by the service role, which no policy holds.
create policy "nothing leaves the archive"
    on storage.objects
    as restrictive
    for delete
    to anon, authenticated
    using (bucket_id <> 'archive');
