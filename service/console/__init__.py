"""The console at /console: pages for people, made on the server, readable without JavaScript, in English and Persian.

What a page shows is read by one module each (`decisions.py`, `customer.py`, ...), its layout is in `templates/`, its words
are in the catalogues under `locale/`. Jinja2 and Babel are imported when the first page is asked for: who only decides needs
neither.
"""
