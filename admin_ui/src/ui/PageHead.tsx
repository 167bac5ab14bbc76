import { useEffect, type ReactNode } from 'react';

interface PageHeadProps {
  title: string;
  children?: ReactNode;
}

/** The heading of a page, which also names the browser's tab. Actions stand beside it. */
export function PageHead({ title, children }: PageHeadProps) {
  useEffect(() => {
    document.title = `${title} · aerostore`;
  }, [title]);
  return (
    <div className="cluster page-head">
      <h1 className="grow">
        <bdi>{title}</bdi>
      </h1>
      {children}
    </div>
  );
}
