"""What customers do, as clients of Segment and RudderStack tell it.

A *message* is what a client sends: identify, track, page, screen, alias or group. One that can be used becomes an *event*;
one that cannot is *kept aside* with the field and the fault, and is taken in again once what refused it is mended.
"""
