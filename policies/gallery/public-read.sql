-- Everybody, signed in or not, reads and lists the bucket `website`: a public bucket can be read, but not listed.
create policy "everybody reads the website"
    on storage.objects
    for select
    to anon, authenticated
    using (bucket_id = 'website');
