# A download that broke off: no notebook any more.
# begins with: solution
# is cut after: 5000
