-- In the bucket `media` every signed-in user adds images, and editors add videos as well.
create policy "users add images, editors add videos"
    on storage.objects
    for insert
    to authenticated
    with check (
        bucket_id = 'media'
        and case (select auth.jwt() -> 'app_metadata' ->> 'role')
            when 'editor' then split_part(metadata ->> 'mimetype', '/', 1) in ('image', 'video')
            else split_part(metadata ->> 'mimetype', '/', 1) = 'image'
        end
    );
