import { useEffect, useRef, type ReactNode } from 'react';

interface PageHeaderProps {
  title: string;
  /** A name for the browser's tab where the title is not text enough. */
  children?: ReactNode;
  actions?: ReactNode;
}

/** True until the first page has been shown: its heading does not take the focus. */
let firstPage = true;

/** The heading of a page. Going to another page moves the focus there, so that it is read. */
export function PageHeader({ title, children, actions }: PageHeaderProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Backplane`;
    if (!firstPage) {
      heading.current?.focus();
    }
    firstPage = false;
  }, [title]);
  return (
    <header className="page-header">
      <div className="page-heading">
        <h1 ref={heading} tabIndex={-1}>{title}</h1>
        {children && <div className="page-lead">{children}</div>}
      </div>
      {actions && <div className="page-actions">{actions}</div>}
    </header>
  );
}
