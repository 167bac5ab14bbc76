-- Signed-in users manage the objects they own, and nobody else's. Everything else is denied:
-- buckets belong to the service role until a policy says otherwise.
create policy "owners manage their own objects"
    on storage.objects
    for all
    to authenticated
    using (owner_id = (select auth.jwt() ->> 'sub'))
    with check (owner_id = (select auth.jwt() ->> 'sub'));
