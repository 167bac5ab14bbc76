-- In the bucket `avatars` a folder belongs to the user whose id is its name: names of two users cannot collide.
create policy "users manage their own folder"
    on storage.objects
    for all
    to authenticated
    using (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select auth.uid()::text))
    with check (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select auth.uid()::text));
